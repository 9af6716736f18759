"""pydantic's errors → problems with a place, what was expected, what was got, and a guess."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import ValidationError

from minidl.errors import Problem
from minidl.spec.component import Component, Part
from minidl.spec.loader import FLOAT, MAX_PROBLEMS, MORE_PROBLEMS
from minidl.spec.nodes import (
    Broken,
    Key,
    Mapping,
    Node,
    Place,
    Scalar,
    Sequence,
    child,
    format_key,
    parse_key,
    place_of,
    show_node,
)
from minidl.spec.shape import Shape

# What people who come from other tools write.
SYNONYMS = {"learning_rate": "lr", "rate": "lr", "slope": "negative_slope", "probability": "p"}
BOOLEANS = {"yes": "true", "on": "true", "no": "false", "off": "false"}


class _Found(NamedTuple):
    """Where an error lies: the node is the deepest that was written, the shape that of the key."""

    key: Key
    node: Node
    shape: Shape

    def problem(self, message: str, place: Place | None = None, key: Key = ()) -> Problem:
        return (place or self.node.place).problem(message, format_key((*self.key, *key)))


def problems_of(error: ValidationError, root: Mapping, top: type[Part]) -> Iterator[Problem]:
    """All that pydantic found in `root`, the full form of a config, with `top` as its model."""
    for detail in error.errors(include_url=False, include_input=False)[:MAX_PROBLEMS]:
        yield from _problems(detail["type"], detail["loc"], detail.get("ctx", {}), root, top)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Each file's from top to bottom, then the command line's; each once, and not too many."""
    unique = dict.fromkeys(problems)
    ordered = sorted(unique, key=lambda p: (p.line is None, p.file, p.line or 0, p.column or 0))
    if len(ordered) > MAX_PROBLEMS:
        ordered[MAX_PROBLEMS:] = [MORE_PROBLEMS]
    return ordered


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """`; did you mean 'adam'?`, or nothing."""
    names, given = list(known), str(word).lower()[:100]
    if not any(name.startswith("validation") for name in names):  # what other tools write
        given = re.sub("^val(id|idation)_", "val_", given)
    begun = [name for name in names if len(given) > 2 and name.startswith(f"{given}_")]
    mixed = [name for name in names if sorted(name) == sorted(given)]  # amad: adam
    close = mixed or difflib.get_close_matches(given, names, n=1) or begun  # scale: scale_factor
    return f"; did you mean {close[0]!r}?" if close else ""


def _problems(
    kind: str, location: Key, context: dict[str, Any], root: Mapping, top: type[Part]
) -> Iterator[Problem]:
    found = _locate(location, root, Shape(top))
    if isinstance(found.node, Broken):
        return
    if kind == "too_short" and isinstance(found.node, Sequence) and found.node.items:
        return  # pydantic counts only the items that passed; the others have problems of their own
    if kind == "rules":
        for name, message in context["broken"]:
            key = parse_key(name) or ()
            yield found.problem(message, place_of(found.node, key), key)
    elif kind == "extra_forbidden":
        yield _unknown_key(str(location[-1]), _locate(location[:-1], root, Shape(top)), top)
    elif kind == "missing" and isinstance(location[-1], str):
        yield found.problem(f"is missing: expected {found.shape.expected()}")
    elif kind == "missing":  # an item of a pair
        found = _locate(location[:-1], root, Shape(top))
        yield found.problem(_expected(found))
    elif kind == "union_tag_not_found":
        yield _no_type(found)
    elif kind == "union_tag_invalid":
        yield from _unknown_type(found)
    else:
        yield found.problem(_expected(found) + _long_form(found.node, location, root, top))


def _locate(location: Key, root: Node, shape: Shape) -> _Found:
    """Follows pydantic's location, whose parts are keys, indices and the tags of unions."""
    key: list[str | int] = []
    node = root
    for part in location:
        if shape.group:
            shape = Shape(shape.component(part))
        elif shape.sides:
            shape = shape.sides[str(part)]
        else:
            key.append(part)
            shape = shape.child(part) or Shape(None)
            node = child(node, part) or node
    return _Found(tuple(key), node, shape)


def _expected(found: _Found) -> str:
    got = show_node(found.node)
    return f"expected {found.shape.expected()}, but got {got}{_hint(found.node, found.shape)}"


def _long_form(node: Node, location: Key, root: Mapping, top: type[Part]) -> str:
    """`; write {type: conv2d, padding: …}` for {conv2d: {padding: 1}}."""
    part = _locate(location[:-1], root, Shape(top)).shape.part
    if not (isinstance(node, Mapping) and part and issubclass(part, Component)):
        return ""
    if location[-1] != part.short or not set(node.items) <= set(part.option_names()):
        return ""
    return f"; write {{type: {part.type_name()}{''.join(f', {name}: …' for name in node.items)}}}"


def _hint(node: Node, shape: Shape) -> str:
    """A guess at what was meant."""
    wanted = shape.type
    value = node.value if isinstance(node, Scalar) else ()
    if value is None:
        return "" if shape.required else "; write a value or leave the key out"
    if shape.item and isinstance(node, Scalar):
        fits = isinstance(shape.item.type, type) and type(value) is shape.item.type
        return f"; did you mean [{value}]?" if fits and re.fullmatch(r"[\w.-]+", node.text) else ""
    if get_origin(wanted) is not None:
        return did_you_mean(value, map(str, get_args(wanted))) if isinstance(value, str) else ""
    if wanted is int and isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"; did you mean {int(value)}?"
    if wanted in (int, float) and isinstance(value, str):
        if FLOAT.fullmatch(value):
            return f"; did you mean {value} without quotes?"
        if re.fullmatch("0+[1-9][0-9]{0,17}", value):
            return f"; did you mean {value.lstrip('0')}?"
    if wanted is bool and isinstance(value, str):
        guess = BOOLEANS.get(value.lower(), value.lower())
        return f"; did you mean {guess}?" if guess in ("true", "false") else ""
    return ""


def _unknown_key(name: str, parent: _Found, top: type[Part]) -> Problem:
    part = parent.shape.part
    known, blocks = (part.option_names(), part.blocks) if part else ([], ())
    before, colon, after = name.partition(":")
    place = parent.node.keys.get(name) if isinstance(parent.node, Mapping) else None
    if override := _changed_type(parent.node, place):
        whole = override.replace(".type=", "=", 1)
        hint = f"; {override!r} changed the type alone: {whole!r} replaces all keys beside it"
    elif colon and before in known:
        hint = f"; did you mean '{before}: {after}', with a space after the colon?"
    elif name == "base" and not parent.key:
        hint = "; `base` can't be overridden: it stands in a config's file"
    elif name in blocks:
        hint = "; a block can be neither swept nor overridden: write key=a,b or --repeats"
    elif SYNONYMS.get(name) in known:
        hint = f"; did you mean {SYNONYMS[name]!r}?"
    else:
        hint = did_you_mean(name, [*known, *blocks]) or _elsewhere(name, parent.key, top)
    known_keys = f"the keys here are {', '.join(known)}"
    return parent.problem(f"unknown key; {known_keys}{hint}", place, (name,))


def _changed_type(node: Node, key: Place | None) -> str:
    """The override of a component's type alone, over a key that the file gives it."""
    kind = child(node, "type")
    override = kind.place.override if kind else ""
    return override if ".type=" in override and key and not key.override else ""


def _elsewhere(name: str, key: Key, top: type[Part]) -> str:
    """`; did you mean 'training.epochs'?` for an option that stands in the wrong section."""
    shapes = {section: Shape.of(field) for section, field in top.model_fields.items()}
    for section, shape in sorted(shapes.items(), key=lambda item: item[1].part is None):
        classes = [*shape.group.components.values()] if shape.group else [shape.part]
        if section not in key and any(part and name in part.model_fields for part in classes):
            return f"; did you mean '{section}.{name}'?"
    return ""


def _no_type(found: _Found) -> Problem:
    """A mapping without `type` that isn't a short form either."""
    group = found.shape.group
    components = group.components if group else {}
    aliases = group.aliases if group else {}
    keys = list(found.node.items) if isinstance(found.node, Mapping) else []
    for key in keys:
        if component := components.get(aliases.get(key, key)):
            given = child(found.node, key)
            inner = [name for name in component.option_names() if given and child(given, name)]
            fields = component.model_fields.items()
            needed = [component.short, *(name for name, field in fields if field.is_required())]
            others = [*needed, *inner, *(name for name in keys if name != key)]
            options = "".join(f", {name}: …" for name in dict.fromkeys(others) if name)
            return found.problem(
                f"{key!r} can't be a key here; write {{type: {key}{options}}}"
                if options
                else f"{key!r} takes no value; write {key} alone"
            )
    hint = did_you_mean(keys[0], [*components, *aliases]) if len(keys) == 1 else ""
    for name, component in components.items():
        if not hint and keys and all(key in component.model_fields for key in keys):
            options = "".join(f", {key}: …" for key in keys)
            hint = f"; write {{type: {name}{options}}}, say"
    return found.problem(f"has no type: expected {found.shape.expected()}{hint}")


def _unknown_type(found: _Found) -> Iterator[Problem]:
    kind = child(found.node, "type")
    if kind is None or isinstance(kind, Broken) or found.shape.group is None:
        return
    names = [*found.shape.group.components, *found.shape.group.aliases]
    hint = did_you_mean(kind.value, names) if isinstance(kind, Scalar) else ""
    message = f"expected {found.shape.expected()}, but got {show_node(kind)}{hint}"
    # Where the bare name was written there is no key `type`.
    yield found.problem(message, kind.place, () if kind.place == found.node.place else ("type",))
