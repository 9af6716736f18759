"""What a key takes, read from its annotation: the one source for messages, short forms and help."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import Tag
from pydantic.fields import FieldInfo

from minidl.spec.component import Component, Expect, Group, Part
from minidl.spec.nodes import Mapping, Node, Sequence

_BOUNDS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
_NOUNS = {
    int: ("an integer", "integers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "booleans"),
    str: ("text", "texts"),
    Path: ("a path", "paths"),
}


@dataclass(frozen=True)
class Shape:
    """An annotation taken apart: the bare type, what stands beside it, what may be left out."""

    type: Any
    metadata: tuple[Any, ...] = ()
    optional: bool = False
    required: bool = False

    @classmethod
    def of(cls, annotation: Any) -> Shape:
        """The shape of an annotation, of a field or of a Part."""
        if isinstance(annotation, FieldInfo):
            shape = cls.of(annotation.rebuild_annotation())
            return replace(shape, required=annotation.is_required())
        if get_origin(annotation) is Annotated:
            inner, *beside = get_args(annotation)
            shape = cls.of(inner)
            return replace(shape, metadata=(*shape.metadata, *_flat(beside)))
        if get_origin(annotation) in (Union, UnionType):
            some = [arg for arg in get_args(annotation) if arg is not NoneType]
            if len(some) < len(get_args(annotation)):
                inner = some[0] if len(some) == 1 else Union[tuple(some)]  # noqa: UP007
                return replace(cls.of(inner), optional=True)
        return cls(annotation)

    @property
    def group(self) -> Group | None:
        """The group, where a component is expected."""
        return next((item for item in self.metadata if isinstance(item, Group)), None)

    @property
    def part(self) -> type[Part] | None:
        """The model, where a mapping with its keys is expected."""
        is_part = isinstance(self.type, type) and issubclass(self.type, Part)
        return self.type if is_part else None

    @cached_property
    def sides(self) -> dict[str, Shape]:
        """The sides of a "one, list or mapping" union by their tags; empty for anything else."""
        if self.group or get_origin(self.type) not in (Union, UnionType):
            return {}
        sides = {}
        for annotation in get_args(self.type):
            beside = annotation.__metadata__ if get_origin(annotation) is Annotated else ()
            for tag in (item.tag for item in beside if isinstance(item, Tag)):
                sides[str(tag)] = Shape.of(annotation)
        return sides

    def side(self, node: Node | None) -> Shape:
        """The side of a union that the node is meant for."""
        kind = "list" if isinstance(node, Sequence) else "one"
        if isinstance(node, Mapping) and "mapping" in self.sides:
            kind = "mapping"
        return self.sides.get(kind, self.sides["one"])

    @property
    def item(self) -> Shape | None:
        """The shape of each item of a list of any length."""
        items = get_args(self.type) if get_origin(self.type) is tuple else ()
        return Shape.of(items[0]) if items and items[-1] is Ellipsis else None

    def component(self, name: object) -> type[Component] | None:
        """The component of this group with that type."""
        return self.group.components.get(name) if self.group and isinstance(name, str) else None

    def child(self, part: str | int) -> Shape | None:
        """The shape under a key of a Part or of a dict, or an index of a list."""
        if self.part and isinstance(part, str):
            return _of_option(self.part, part)
        if get_origin(self.type) is dict and isinstance(part, str):
            return Shape.of(get_args(self.type)[1])
        if get_origin(self.type) is tuple and isinstance(part, int):
            items = get_args(self.type)
            return self.item or (Shape.of(items[part]) if part < len(items) else None)
        return None

    def expected(self) -> str:
        """What is expected, for a sentence: "an integer ≥ 1"."""
        return self._noun(0) + (", or null" if self.optional else "")

    def _noun(self, plural: Literal[0, 1]) -> str:
        said = next((item for item in self.metadata if isinstance(item, Expect)), None)
        if said:
            return (plural and said.plural) or said.text
        if self.group:
            names = ", ".join(self.group.components)
            one = f"{self.group.phrase} ({names})"
            return f"{self.group.name}s" if plural else one
        if self.sides:
            return " or ".join(side._noun(plural) for side in reversed(self.sides.values()))
        if get_origin(self.type) is Literal:
            return ("one of ", "any of ")[plural] + ", ".join(map(str, get_args(self.type)))
        if get_origin(self.type) is tuple:
            items = get_args(self.type)
            some = "a nonempty list" if self.bound("min_length") else "a list"
            kind = some if items[-1] is Ellipsis else "a pair"
            return f"{kind} of {Shape.of(items[0])._noun(1)}"
        if self.part:
            names = self.part.option_names()
            return f"a mapping ({', '.join(names if len(names) <= 4 else [*names[:3], '…'])})"
        noun = _NOUNS[self.type][plural]
        if self.type is str and self.bound("min_length"):
            noun = f"nonempty {noun}"
        bounds = [
            f"{sign} {limit if isinstance(limit, int) else f'{limit:g}'}"
            for key, sign in _BOUNDS.items()
            if (limit := self.bound(key)) is not None
        ]
        return " ".join([noun, " and ".join(bounds)]).strip()

    def bound(self, name: str) -> Any:
        """A limit from `Field(…)`: ge, gt, le, lt, min_length, pattern; None if there is none."""
        return next((getattr(m, name) for m in self.metadata if hasattr(m, name)), None)


@cache
def _of_option(part: type[Part], name: str) -> Shape | None:
    """Taken apart once, not for each of many configs."""
    field = part.model_fields.get(name)
    return Shape.of(field) if field else None


def _flat(beside: list[Any]) -> list[Any]:
    """What stands beside a type, with that inside `Field(…)`."""
    flat = []
    for item in beside:
        flat += _flat(item.metadata) if isinstance(item, FieldInfo) else [item]
    return flat
