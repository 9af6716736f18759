"""`optimizer.lr=0.01` on the command line → a change of the nodes."""

from __future__ import annotations

from pathlib import Path

from minidl.errors import ConfigError, Problem
from minidl.spec.component import Component
from minidl.spec.grid_words import grid_values, is_grid_word, split_commas
from minidl.spec.loader import load
from minidl.spec.nodes import (
    Key,
    Mapping,
    Node,
    Place,
    Scalar,
    Sequence,
    child,
    format_key,
    parse_key,
    show,
    show_node,
)
from minidl.spec.shape import Shape

COMMAND_LINE = "command line"


def apply(root: Mapping, override: str, shape: Shape, problems: list[Problem]) -> None:
    """Changes `root`, which is in full form, by one `key=value`; what is wrong joins `problems`.

    The value is left as written: expand `root` again before the next override.
    """
    place = Place(COMMAND_LINE, folder=Path.cwd(), override=override)
    name, equals, text = override.partition("=")
    key = parse_key(name.strip())
    if not equals or key is None or not isinstance(key[0], str):
        example = "optimizer.lr=0.01 or 'model.layers[0].out_features=5'"
        problems.append(place.problem(f"expected key=value, such as {example}"))
        return
    if len(split_commas(text)) > 1:
        problems.append(
            place.problem(
                f"a comma makes a list of runs in `minidl sweep` only; here write "
                f"'{name}=[{text}]' for a list, or put quotes around a text",
                format_key(key),
            )
        )
        return
    if is_grid_word(text):
        what = "makes a list of runs in `minidl sweep` only; here write one value"
        problems.append(place.problem(what, format_key(key)))
        return
    try:
        value = load(text, place, problems) or Scalar(None, "", place)
        if text.strip() == "-":  # standard input; YAML has an empty list
            value = Scalar("-", "-", place)
    except ConfigError as error:
        problems.extend(error.problems)
        return
    if message := assign(root, key, value, shape):
        problems.append(place.problem(message, format_key(key)))


def swept_values(text: str) -> list[str] | None:
    """The values to sweep over: pieces between commas, or those of a word such as log(…).

    None where the text is one value. Raises ValueError where a word is used wrongly.
    """
    pieces = split_commas(text)
    return pieces if len(pieces) > 1 else grid_values(text)


def assign(node: Node, key: Key, value: Node, shape: Shape | None) -> str | None:
    """Puts the value under the key; returns what hinders it."""
    part, rest = key[0], key[1:]
    shape = _concrete(shape, node)
    inner_shape = shape.child(part) if shape else None
    if isinstance(node, Mapping) and isinstance(part, str):
        if rest and _is_nothing(node.items.get(part)):
            node.items[part] = _default(shape, part, value.place)
            node.keys[part] = value.place
        if rest:
            return assign(node.items[part], rest, value, inner_shape)
        node.items[part] = value
        node.keys[part] = value.place
        return None
    if isinstance(node, Sequence) and isinstance(part, int):
        if part >= len(node.items):
            last = f"the last is [{len(node.items) - 1}]" if node.items else "it is empty"
            return f"there is no item [{part}]: {last}"
        if rest:
            return assign(node.items[part], rest, value, inner_shape)
        node.items[part] = value
        return None
    inside = f"item [{part}]" if isinstance(part, int) else f"key {show(part)}"
    return f"there is no {inside} in {show_node(node)}"


def shape_of(node: Node, key: Key, shape: Shape | None) -> Shape | None:
    """The shape of one value under a key, as the components above it are."""
    inner: Node | None = node
    for part in key:
        shape = _concrete(shape, inner) if inner else None
        shape = shape.child(part) if shape else None
        inner = child(inner, part) if inner else None
    return shape.sides["one"] if shape and shape.sides else shape


def _is_nothing(node: Node | None) -> bool:
    return node is None or (isinstance(node, Scalar) and node.value is None)


def _concrete(shape: Shape | None, node: Node) -> Shape | None:
    """The shape with groups and unions resolved to what the node is."""
    if shape and shape.sides:
        shape = shape.side(node)
    if shape and shape.group:
        kind = child(node, "type")
        component = shape.component(kind.value) if isinstance(kind, Scalar) else None
        return Shape(component) if component else None
    return shape


def _default(shape: Shape | None, part: str, place: Place) -> Node:
    """What an override changes where nothing was written: the default or an empty mapping."""
    part_class = shape.part if shape else None
    field = part_class.model_fields.get(part) if part_class else None
    default = field.default if field else None
    if isinstance(default, tuple):
        return Sequence([Scalar(item, str(item), place) for item in default], place)
    if isinstance(default, Component):
        name = default.type_name()
        return Mapping({"type": Scalar(name, name, place)}, {"type": place}, place)
    return Mapping({}, {}, place)
