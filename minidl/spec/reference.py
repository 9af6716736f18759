"""What a config may hold, for people: every component with its options, read from the schema."""

from __future__ import annotations

from typing import Any, NamedTuple, get_args, get_origin

from minidl.spec.component import Component, Part
from minidl.spec.report import Report, ReportTable
from minidl.spec.search import SweepSearch
from minidl.spec.shape import Shape
from minidl.spec.spec import Spec
from minidl.spec.training import EarlyStopping, StopAt, Training


class Option(NamedTuple):
    """One key: what it takes, its default as YAML (None where it must be given), what it does."""

    name: str
    expected: str
    default: str | None
    description: str


class ComponentHelp(NamedTuple):
    """One component; `short` is the option that `{name: value}` sets, if there is one."""

    name: str
    description: str
    options: tuple[Option, ...]
    aliases: tuple[str, ...] = ()
    short: str = ""


class GroupHelp(NamedTuple):
    """The components to choose from in one place of a config."""

    name: str
    description: str
    components: tuple[ComponentHelp, ...]


def component_groups() -> list[GroupHelp]:
    """Every group of components, in the order of a config, then training, searches, the report."""
    groups: dict[str, GroupHelp] = {}
    for field in Spec.model_fields.values():
        _collect(Shape.of(field), groups)
    parts: dict[str, type[Part]] = {
        "training": Training,
        "early_stopping": EarlyStopping,
        "stop_at": StopAt,
    }
    components = tuple(_component(name, part) for name, part in parts.items())
    training = GroupHelp("training", _summary(Training), components)
    others: dict[str, GroupHelp] = {}
    _collect(Shape.of(SweepSearch.model_fields["search"]), others)
    _collect(Shape.of(Report.model_fields["figures"]), others)
    table = (_component("table", ReportTable),)
    report = GroupHelp("report", "The tables of a study, under report.tables.", table)
    return [*groups.values(), training, others["search"], report, others["figure"]]


def _collect(shape: Shape, groups: dict[str, GroupHelp]) -> None:
    """Adds the group of a shape and those of its components' options."""
    for side in shape.sides.values():
        _collect(side, groups)
    if shape.item:
        _collect(shape.item, groups)
    if get_origin(shape.type) is dict:
        _collect(Shape.of(get_args(shape.type)[1]), groups)
    group = shape.group
    if group is None or group.name in groups:
        return
    # An mlp's activations have no names: they are for the layers of a sequential model.
    hidden = ("type", "name") if group.name == "activation" else ("type",)
    components = tuple(_component(*item, hidden) for item in group.components.items())
    groups[group.name] = GroupHelp(group.name, group.description, components)
    for component in group.components.values():
        for field in component.model_fields.values():
            _collect(Shape.of(field), groups)


def _component(name: str, part: type[Part], hidden: tuple[str, ...] = ("type",)) -> ComponentHelp:
    options = tuple(_option(key, part) for key in part.option_names() if key not in hidden)
    if issubclass(part, Component):
        return ComponentHelp(name, _summary(part), options, part.aliases, part.short)
    return ComponentHelp(name, _summary(part), options)


def _option(name: str, part: type[Part]) -> Option:
    field = part.model_fields[name]
    shape = Shape.of(field)
    default = None if field.is_required() else _yaml(field.default)
    expected = shape.group.phrase if shape.group else shape.expected()
    return Option(name, expected, default, field.description or "")


def _summary(part: type[Part]) -> str:
    return (part.__doc__ or "").strip()


def _yaml(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Component):
        return value.type_name()
    if isinstance(value, Part):
        return "{}"
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    return repr(value) if value == "," else str(value)
