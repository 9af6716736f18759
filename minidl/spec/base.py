"""`base: other.yaml`: a config that says only in what it differs from another.

Mappings merge key by key, and what the config itself says wins. A list replaces a list, and a
component one of another type. A `name` isn't taken over, for it says which config it is.
"""

from __future__ import annotations

import os
from pathlib import Path

from minidl.errors import ConfigError, Problem
from minidl.spec.expand import expand
from minidl.spec.loader import load, read_text
from minidl.spec.nodes import Mapping, Node, Place, Scalar, plain, show_node
from minidl.spec.paths import path_in
from minidl.spec.shape import Shape

MAX_BASES = 16


def document(text: str, start: Place, shape: Shape, problems: list[Problem]) -> Mapping:
    """A config's text in full form, merged with its bases; each value keeps the place it has.

    What is wrong but leaves the rest readable joins `problems`; what isn't raises ConfigError.
    """
    return _document(text, start, shape, problems, ())


def _document(
    text: str, start: Place, shape: Shape, problems: list[Problem], above: tuple[str, ...]
) -> Mapping:
    """`above` are the files whose base this is, the first config first."""
    own = expand(_root(load(text, start, problems), start, problems), shape)
    assert isinstance(own, Mapping)
    given = own.items.pop("base", None)
    if given is None:
        return own
    place = given.place
    if not (isinstance(given, Scalar) and isinstance(given.value, str) and given.value.strip()):
        message = f"expected the path of another config, but got {show_node(given)}"
        problems.append(place.problem(message, "base"))
        return own
    file = _seen(given.value, start.folder)
    chain = (*above, start.file)
    known = [os.path.realpath(one) for one in chain]
    if (real := os.path.realpath(file)) in known:
        circle = " → ".join((*chain[known.index(real) :], file))
        raise ConfigError([*problems, place.problem(f"goes round in a circle: {circle}", "base")])
    if len(chain) > MAX_BASES:
        message = f"is one base too many: {MAX_BASES} may stand on each other"
        raise ConfigError([*problems, place.problem(message, "base")])
    try:
        below = read_text(Path(file))
    except ConfigError as error:
        messages = [f"{file}: {problem.message}" for problem in error.problems]
        raise ConfigError([*problems, *(place.problem(one, "base") for one in messages)]) from error
    base = _document(below, Place(file, folder=Path(file).parent), shape, problems, chain)
    base.items.pop("name", None)
    merged = _merged(base, own, shape)
    assert isinstance(merged, Mapping)
    for block in ("sweep", "report"):  # `sweep: null`: not that of the base
        if block in base.items and plain(merged.items[block]) is None:
            del merged.items[block]
    return merged


def _seen(text: str, folder: Path) -> str:
    """The path of a base, relative to the current folder where its config was given so."""
    path = path_in(folder, text)
    absolute = folder.is_absolute() or Path(text).is_absolute() or text.startswith("~")
    return str(path) if absolute else os.path.relpath(path)


def _root(node: Node | None, start: Place, problems: list[Problem]) -> Mapping:
    """The document, which must be a mapping."""
    if isinstance(node, Mapping):
        return node
    if node is None:
        raise ConfigError(
            [*problems, start.problem("is empty; `minidl new` writes a config to start from")]
        )
    message = f"expected a mapping of keys such as data and model, but got {show_node(node)}"
    raise ConfigError([*problems, node.place.problem(message)])


def _merged(base: Node, own: Node, shape: Shape | None) -> Node:
    if not (isinstance(base, Mapping) and isinstance(own, Mapping)):
        return own
    shape = shape.side(own) if shape and shape.sides else shape
    if shape and shape.group:
        kind = base.items.get("type")
        if kind and "type" not in own.items:  # {lr: 0.3} of the optimizer that the base has
            items, keys = {"type": kind, **own.items}, {"type": kind.place, **own.keys}
            own = expand(Mapping(items, keys, own.place), shape)
            assert isinstance(own, Mapping)
        elif kind is None or plain(kind) != plain(own.items["type"]):
            return own
        component = shape.component(plain(kind))
        shape = Shape(component) if component else None
    items = dict(base.items)
    for key, value in own.items.items():
        inner = shape.child(key) if shape else None
        items[key] = _merged(items[key], value, inner) if key in items else value
    return Mapping(items, {**base.keys, **own.keys}, own.place)
