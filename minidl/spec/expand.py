"""Short forms → full forms, before overrides and checks, so that both see one form only.

relu            → {type: relu}
{linear: 25}    → {type: linear, out_features: 25}
he              → {type: he_normal}                      an alias of a type
name: 007       → name: "007"                            where text is expected, what was written
path: data.csv  → path: /folder/of/the/config/data.csv
"""

from __future__ import annotations

from pathlib import Path

from minidl.spec.component import Group
from minidl.spec.nodes import Mapping, Node, Place, Scalar, Sequence
from minidl.spec.paths import path_in
from minidl.spec.shape import Shape


def expand(node: Node, shape: Shape | None) -> Node:
    """The node in full form; what doesn't fit the shape stays, for the checks to report."""
    if shape is None:
        return node
    if shape.sides:
        return expand(node, shape.side(node))
    if shape.group:
        node = _full_form(node, shape.group)
        if isinstance(node, Mapping) and isinstance(kind := node.items.get("type"), Scalar):
            component = shape.component(kind.value)
            return expand(node, Shape(component)) if component else node
        return node
    if isinstance(node, Mapping):
        items = {key: expand(child, shape.child(key)) for key, child in node.items.items()}
        return Mapping(items, node.keys, node.place)
    if isinstance(node, Sequence):
        inner = [expand(child, shape.child(index)) for index, child in enumerate(node.items)]
        return Sequence(inner, node.place)
    return _scalar(node, shape) if isinstance(node, Scalar) else node


def _full_form(node: Node, group: Group) -> Node:
    """A component as a mapping with a `type`."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return _typed(node, {}, {}, group)
    if not isinstance(node, Mapping):
        return node
    kind = node.items.get("type")
    if isinstance(kind, Scalar) and kind.value in group.aliases:
        node.items["type"] = Scalar(group.aliases[str(kind.value)], kind.text, kind.place)
    if kind is not None or len(node.items) != 1:
        return node
    name, value = next(iter(node.items.items()))
    component = group.components.get(group.aliases.get(name, name))
    if component is None or not component.short:
        return node
    place = node.keys[name]
    return _typed(
        Scalar(name, name, place), {component.short: value}, {component.short: place}, group
    )


def _typed(name: Scalar, items: dict[str, Node], keys: dict[str, Place], group: Group) -> Mapping:
    canonical = group.aliases.get(str(name.value), name.value)
    kind = Scalar(canonical, name.text, name.place)
    return Mapping({"type": kind, **items}, {"type": name.place, **keys}, name.place)


def _scalar(node: Scalar, shape: Shape) -> Scalar:
    if shape.type is str and node.value is not None and not isinstance(node.value, str):
        return Scalar(node.text, node.text, node.place)
    if shape.type is Path and isinstance(node.value, str) and _is_path(node.value):
        return Scalar(path_in(node.place.folder, node.value), node.text, node.place)
    return node


def _is_path(text: str) -> bool:
    return bool(text.strip()) and "\0" not in text
