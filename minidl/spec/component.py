"""What every piece of a config is: a closed, frozen model whose options state what they take."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

_LAST = (
    "l1",
    "weight_decay_on",
    "lr_factors",
    "folds",
    "fold",
    "warmup",
    "seed",
    "name",
)  # of the options, in this order


class Part(BaseModel):
    """A mapping of a config with a fixed set of keys."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True
    )

    # Further keys that may stand beside the options; they are read elsewhere.
    blocks: ClassVar[tuple[str, ...]] = ()

    def rules(self) -> Iterator[tuple[str, str]]:
        """What options demand of each other: yields (key, message) for each demand not met."""
        yield from ()

    @classmethod
    def option_names(cls) -> list[str]:
        """The options in the order in which people read them: a component's type comes first."""
        names = list(cls.model_fields)
        if "type" not in names:
            return names
        last = [name for name in _LAST if name in names]
        return ["type", *(name for name in names if name not in ("type", *last)), *last]

    @model_validator(mode="after")
    def _follow_the_rules(self) -> Self:
        if broken := list(self.rules()):
            raise PydanticCustomError(
                "rules",
                "{summary}",
                {"broken": broken, "summary": "; ".join(f"{key}: {what}" for key, what in broken)},
            )
        return self


class Component(Part):
    """A part with a `type`, one of a group.

    `short` names the option that `{type: value}` sets; `aliases` are other names for the type.
    """

    short: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def type_name(cls) -> str:
        name: str = cls.model_fields["type"].default
        return name

    @classmethod
    def is_complete(cls) -> bool:
        """Whether the bare name is enough."""
        return not any(field.is_required() for field in cls.model_fields.values())


@dataclass(frozen=True)
class Group:
    """Marks, in an annotation, a union of components told apart by their `type`."""

    name: str
    phrase: str
    members: Any
    description: str

    @cached_property
    def components(self) -> dict[str, type[Component]]:
        """The components by the name of their type, aliases left out."""
        return {member.type_name(): member for member in get_args(self.members)}

    @cached_property
    def aliases(self) -> dict[str, str]:
        """The other names of types."""
        members: tuple[type[Component], ...] = get_args(self.members)
        return {alias: member.type_name() for member in members for alias in member.aliases}


@dataclass(frozen=True)
class Expect:
    """Says, in an annotation, what a key takes where its type alone doesn't say it well."""

    text: str
    plural: str = ""


def one_or_list(value: object) -> str:
    """Tells apart the two sides of `X | tuple[X, ...]` for pydantic."""
    return "list" if isinstance(value, (list, tuple)) else "one"


def one_or_mapping(value: object) -> str:
    """Tells apart the two sides of `X | Part` for pydantic."""
    return "mapping" if isinstance(value, (dict, Part)) else "one"


# `name: 2024` is the text "2024" (see expand.py), so editors must let numbers pass.
Text = Annotated[str, WithJsonSchema({"type": ["string", "number", "boolean"]})]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int | None, Field(ge=0)]
