"""A config as it is resolved, and where each of its values is from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from typing import Any

from minidl.errors import Problem
from minidl.spec.dump import plain_values
from minidl.spec.given import Overrides, given_overrides, given_text
from minidl.spec.nodes import Key, Mapping, Node, Place, Sequence, child, plain
from minidl.spec.overrides import COMMAND_LINE, swept_values
from minidl.spec.parse import load_spec, overridden
from minidl.spec.spec import Spec
from minidl.spec.sweep import load_sweep

DEFAULT = "default"


@dataclass(frozen=True)
class Value:
    """A value that is no mapping and holds none."""

    key: Key
    value: Any
    source: str


@dataclass(frozen=True)
class Resolved:
    """The config as plain values, blocks included, and what was written of it."""

    values: dict[str, Any]
    written: Mapping

    def leaves(self) -> Iterator[Value]:
        """Every value in its order, with its source.

        That is `file:line`, "command line", "the file's name" or "default"; several, with commas,
        of a list whose items are from several places.
        """
        yield from self._below((), self.values, self.written)

    def _below(self, key: Key, value: Any, node: Node | None) -> Iterator[Value]:
        if is_leaf(value):
            named = key == ("name",) and node is None
            yield Value(key, value, "the file's name" if named else _source(node))
            return
        for part, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from self._below((*key, part), inner, child(node, part) if node else None)


def is_leaf(value: Any) -> bool:
    """Whether a plain value has no mapping in it."""
    if isinstance(value, list):
        return all(map(is_leaf, value))
    return not isinstance(value, dict) or not value


def resolve(config: str | PathLike[str], overrides: Overrides = ()) -> Resolved:
    """The config with its bases, overrides and defaults. Files have their whole paths.

    Of a sweep, what is written, without defaults, and the block. Raises ConfigError with every
    problem found, those of its runs included.
    """
    (text, path), problems = given_text(config), list[Problem]()
    changes = given_overrides(overrides)
    swept = {change.partition("=")[0].strip(): change for change in changes if _is_swept(change)}
    single = [change for change in changes if change not in swept.values()]
    root = overridden(text, Place(str(path), folder=path.parent), single, problems)
    blocks = {name: root.items.pop(name) for name in Spec.blocks if name in root.items}
    if swept or "sweep" in blocks:
        sweep = load_sweep(config, changes)
        # Without defaults: where the grid has types, their options would be unknown to others.
        values = plain_values(sweep.base)
        blocks["sweep"] = _block(blocks.get("sweep"), swept)
        values["sweep"] = plain_values(sweep.block)
    else:
        values = plain_values(load_spec(config, changes))
    if "report" in blocks:
        values["report"] = plain_values(plain(blocks["report"]))
    return Resolved(values, Mapping({**root.items, **blocks}, root.keys, root.place))


def _is_swept(override: str) -> bool:
    try:
        return swept_values(override.partition("=")[2]) is not None
    except ValueError:
        return True  # a word used wrongly, which reading the sweep says


def _block(written: Node | None, swept: dict[str, str]) -> Mapping:
    """Where the keys of a sweep's block stand, those of the command line included."""
    place = written.place if written else Place(COMMAND_LINE)
    block = written if isinstance(written, Mapping) else Mapping({}, {}, place)
    grid = child(block, "grid")
    items = dict(grid.items) if isinstance(grid, Mapping) else {}
    items |= {key: Sequence([], Place(COMMAND_LINE, override=text)) for key, text in swept.items()}
    return Mapping({**block.items, "grid": Mapping(items, {}, place)}, block.keys, place)


def _source(node: Node | None) -> str:
    if node is None:
        return DEFAULT
    inner = node.items if isinstance(node, Sequence) else []
    places = [_source(one) for one in inner] or [_place(node.place)]
    return ", ".join(dict.fromkeys(places))


def _place(place: Place) -> str:
    return place.file if place.line is None else f"{place.file}:{place.line}"
