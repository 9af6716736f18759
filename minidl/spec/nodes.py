"""A config as it was written: values with the place where each one stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minidl.errors import Problem

Key = tuple[str | int, ...]

_PART = re.compile(r"\.?(?P<name>[^.\[\]]+)|\[(?P<index>[0-9]{1,9})\]")


@dataclass(frozen=True)
class Place:
    """Where something was written, counted from 1; relative paths written here start in `folder`.

    Something written on the command line has no line: `override` quotes it instead.
    """

    file: str
    line: int | None = None
    column: int | None = None
    folder: Path = field(default_factory=Path)
    override: str = ""

    def problem(self, message: str, key: str = "") -> Problem:
        """A problem at this place."""
        if self.override:
            message = f"{message} (in the override {show(self.override, 80)})"
        return Problem(message, key, self.file, self.line, self.column)


@dataclass
class Scalar:
    """One value. `text` is what was written, so that `name: 007` can stay the text that it is."""

    value: str | int | float | bool | Path | None
    text: str
    place: Place


@dataclass
class Sequence:
    items: list[Node]
    place: Place


@dataclass
class Mapping:
    """Keys in their order; `keys` says where each key stands, its node where its value does."""

    items: dict[str, Node]
    keys: dict[str, Place]
    place: Place


@dataclass
class Broken:
    """Stands for a value that a problem has been reported about already."""

    place: Place


Node = Scalar | Sequence | Mapping | Broken


def plain(node: Node) -> Any:
    """The bare value: a dict, a tuple or a scalar."""
    if isinstance(node, Mapping):
        return {key: plain(child) for key, child in node.items.items()}
    if isinstance(node, Sequence):
        return tuple(plain(child) for child in node.items)
    return node.value if isinstance(node, Scalar) else None


def clone(node: Node) -> Node:
    """A copy whose mappings and lists may be changed; scalars are shared."""
    if isinstance(node, Mapping):
        items = {key: clone(child) for key, child in node.items.items()}
        return Mapping(items, dict(node.keys), node.place)
    if isinstance(node, Sequence):
        return Sequence([clone(child) for child in node.items], node.place)
    return node


def child(node: Node, part: str | int) -> Node | None:
    """The node under a key or an index, or None."""
    if isinstance(node, Mapping) and isinstance(part, str):
        return node.items.get(part)
    if isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
        return node.items[part]
    return None


def place_of(root: Node, key: Key) -> Place:
    """Where the value of a key stands, or that of its nearest parent that was written."""
    node = root
    for part in key:
        inner = child(node, part)
        if inner is None:
            break
        node = inner
    return node.place


def parse_key(text: str) -> Key | None:
    """`model.layers[2].p` → ("model", "layers", 2, "p"); None where it isn't such a path."""
    parts: list[str | int] = []
    end = 0
    while end < len(text):
        match = _PART.match(text, end)
        if match is None or (match["name"] and bool(parts) != text.startswith(".", end)):
            return None
        parts.append(match["name"] or int(match["index"]))
        end = match.end()
    return tuple(parts) or None


def format_key(key: Iterable[str | int]) -> str:
    """The inverse of `parse_key`; a key with odd characters is shown quoted."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (
                part if re.fullmatch(r"[\w-]{1,60}", part) else show(part)
            )
    return text


def show(text: str, length: int = 40) -> str:
    """Somebody's text, quoted for a message: one short line that no terminal obeys."""
    return repr(text if len(text) <= length else text[: length - 1] + "…")


def show_node(node: Node) -> str:
    """A value as a message quotes it: `but got …`."""
    if isinstance(node, Mapping):
        return "a mapping" if node.items else "an empty mapping"
    if isinstance(node, Sequence):
        return f"a list of {len(node.items)}" if node.items else "an empty list"
    if isinstance(node, Broken) or node.value is None:
        return "nothing"
    if isinstance(node.value, str):
        return f"the text {show(node.value)}"
    return node.text
