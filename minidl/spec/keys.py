"""Which keys a config can have, for whoever names one: a sweep, a table, a figure."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from minidl.spec.nodes import Key, parse_key, show
from minidl.spec.problems import did_you_mean
from minidl.spec.shape import Shape
from minidl.spec.spec import Spec


def unknown_key(text: str) -> str | None:
    """What is wrong with `text` as the key of a config, or None where some config has it."""
    key = parse_key(text)
    if key is not None and any(True for _ in shapes_of(key)):
        return None
    last = text.rpartition(".")[2]
    same = whole_key(last)
    hint = f"; did you mean {same!r}?" if same else did_you_mean(text, all_keys())
    return f"no config has the key {show(text)}{hint}"


def whole_key(last: str) -> str | None:
    """The key that most likely is meant by its last part: `training.epochs` by `epochs`."""
    same = [name for name in all_keys() if name.rpartition(".")[2] == last]
    return min(same, key=lambda name: (name.count("."), name[:9] != "training."), default=None)


def shapes_of(key: Key) -> Iterator[Shape]:
    """What a key takes, in each of the configs that have it."""
    return _below(Shape(Spec), key)


def _below(shape: Shape, key: Key) -> Iterator[Shape]:
    """The shapes that the key can lead to, whatever components stand on the way."""
    if not key:
        yield shape
        return
    for alternative in _alternatives(shape):
        inner = alternative.child(key[0])
        if inner is not None:
            yield from _below(inner, key[1:])


def _alternatives(shape: Shape) -> Iterator[Shape]:
    """A union's sides, a group's components; else the shape itself."""
    if shape.sides:
        for side in shape.sides.values():
            yield from _alternatives(side)
    elif shape.group:
        yield from map(Shape, shape.group.components.values())
    else:
        yield shape


@cache
def all_keys() -> tuple[str, ...]:
    """All keys that configs can have, whatever their components."""
    return tuple(dict.fromkeys(_names(Shape(Spec), "")))


def _names(shape: Shape, prefix: str) -> Iterator[str]:
    for alternative in _alternatives(shape):
        for name in alternative.part.option_names() if alternative.part else ():
            yield prefix + name
            inner = alternative.child(name)
            if inner is not None:
                yield from _names(inner, f"{prefix}{name}.")
