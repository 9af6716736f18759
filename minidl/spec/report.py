"""The `report:` block: the tables and figures that `minidl report` makes of a study."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr

from minidl.errors import Problem
from minidl.scores import PARTS
from minidl.spec.activation import Activation, SigmoidActivation, TanhActivation
from minidl.spec.component import Component, Expect, Group, Part, Text
from minidl.spec.keys import unknown_key
from minidl.spec.nodes import Mapping, parse_key, place_of
from minidl.spec.training import METRICS, NAMES

CURVE_METRICS = (*METRICS, *(f"{part}_error" for part in PARTS))
TABLE_METRICS = (*CURVE_METRICS, "train_seconds", "epochs", "parameters")
_NAMES = NAMES.replace("accuracy", "accuracy, error")

if TYPE_CHECKING:
    TableMetric = str
    CurveMetric = str
else:
    _TABLE = f"{_NAMES}, train_seconds, epochs or parameters"
    TableMetric = Annotated[
        Literal[TABLE_METRICS], Expect(f"a metric: {_TABLE}", f"metrics: {_TABLE}")
    ]
    CurveMetric = Annotated[
        Literal[*CURVE_METRICS, "lr"],
        Expect(f"a metric: {_NAMES}, or lr", f"metrics: {_NAMES}, or lr"),
    ]
Statistic = Literal["mean", "std", "sem", "min", "max", "median", "ci95"]
Epoch = Literal["last", "best"]

ConfigKey = Annotated[
    str,
    Expect("a config key such as optimizer.lr", "config keys such as optimizer.lr"),
]
FileName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,59}$"),
    Expect("a file name of letters, digits, _ and -"),
]
Where = Annotated[
    dict[str, Any], Expect("a mapping of config keys to values, such as {optimizer.lr: 0.1}")
]


class Selection(Part):
    """What tables and figures have in common."""

    key_options: ClassVar[tuple[str, ...]] = ()

    name: FileName | None = Field(None, description="The file's name; by the kind if left out.")
    title: Text | None = Field(None, description="What stands above.")
    where: Where = Field({}, description="Only runs with these values; a list means any of them.")

    def rules(self) -> Iterator[tuple[str, str]]:
        for key in self.where:
            if message := unknown_key(key):
                yield "where", message
        for option in self.key_options:
            value = getattr(self, option)
            for index, key in enumerate(value if isinstance(value, tuple) else (value,)):
                if key is not None and (message := self._unknown(option, key)):
                    yield (f"{option}[{index}]" if isinstance(value, tuple) else option), message

    def _unknown(self, option: str, key: str) -> str | None:
        return unknown_key(key)


class ReportTable(Selection):
    """One row per group of runs that differ by seed alone, or by what `by` doesn't name."""

    key_options: ClassVar[tuple[str, ...]] = ("by", "best_over", "sort_by")

    by: tuple[ConfigKey, ...] | None = Field(
        None, min_length=1, description="Average over all but these keys."
    )
    best_over: ConfigKey | None = Field(
        None, description="Keep the value of this key with the best mean."
    )
    best_by: TableMetric | None = Field(
        None,
        description="The metric that best_over looks at; the first of metrics if left out, on the"
        " validation part where there is one.",
    )
    metrics: tuple[TableMetric, ...] | None = Field(
        None,
        min_length=1,
        description="The metrics; by the task if left out.",
    )
    epoch: Epoch = Field("last", description="The last epoch's metrics, or the best epoch's.")
    stats: tuple[Statistic, ...] = Field(
        ("mean", "std"),
        min_length=1,
        description="What to say of each metric; of folds by default the standard error (sem) too.",
    )
    sort_by: tuple[ConfigKey, ...] | None = Field(
        None, min_length=1, description="Keys or metrics; the first metric if left out."
    )

    def _unknown(self, option: str, key: str) -> str | None:
        metric = option == "sort_by" and key in TABLE_METRICS
        return None if metric else unknown_key(key)


class _Figure(Selection, Component):
    pass


class CurvesFigure(_Figure):
    """Mean ± std of metrics over the epochs, a line per value of a key."""

    short: ClassVar[str] = "lines"
    key_options: ClassVar[tuple[str, ...]] = ("lines", "panels", "best_over")

    type: Literal["curves"] = "curves"
    lines: ConfigKey = Field(description="A line per value of this key.")
    metrics: tuple[CurveMetric, ...] = Field(
        ("train_loss", "test_loss"), min_length=1, description="A panel each."
    )
    panels: ConfigKey | None = Field(None, description="A row of panels per value of this key.")
    best_over: ConfigKey | None = Field(
        None, description="For each line, the value of this key with the best mean in the end."
    )
    best_by: TableMetric | None = Field(
        None,
        description="The metric that best_over looks at; val_loss if left out, without a validation"
        " part test_loss.",
    )
    band: Literal["std", "ci95", "range", "none"] = Field("std", description="The area's reach.")
    scale: Literal["auto", "linear", "log"] = Field("auto", description="The metrics' axis.")


class ErrorBarsFigure(_Figure):
    """Mean and std of a metric over two keys."""

    short: ClassVar[str] = "metric"
    key_options: ClassVar[tuple[str, ...]] = ("x", "lines")

    type: Literal["error_bars"] = "error_bars"
    metric: TableMetric = Field("test_error", description="What is measured.")
    x: ConfigKey = Field(description="The key along the axis.")
    lines: ConfigKey | None = Field(None, description="A colour per value of this key.")
    epoch: Epoch = Field("last", description="The last epoch's metric, or the best epoch's.")
    band: Literal["std", "ci95", "range"] = Field("std", description="The bars' reach.")


class HeatMapFigure(_Figure):
    """A metric's mean over two keys."""

    short: ClassVar[str] = "metric"
    key_options: ClassVar[tuple[str, ...]] = ("x", "y", "panels")

    type: Literal["heat_map"] = "heat_map"
    metric: TableMetric = Field("test_accuracy", description="What is measured.")
    x: ConfigKey = Field(description="The key of the columns.")
    y: ConfigKey = Field(description="The key of the rows.")
    panels: ConfigKey | None = Field(None, description="A panel per value of this key.")
    epoch: Epoch = Field("last", description="The last epoch's metric, or the best epoch's.")


class BoundariesFigure(_Figure):
    """Decision boundaries of single runs over one or two keys."""

    short: ClassVar[str] = "x"
    key_options: ClassVar[tuple[str, ...]] = ("x", "y")

    type: Literal["boundaries"] = "boundaries"
    x: ConfigKey = Field(description="The key of the columns.")
    y: ConfigKey | None = Field(None, description="The key of the rows.")
    seed: int | None = Field(None, ge=0, description="The runs' seed; the lowest if left out.")


class OverlayFigure(_Figure):
    """A metric of single runs over the epochs, with the changes of their rates."""

    short: ClassVar[str] = "lines"
    key_options: ClassVar[tuple[str, ...]] = ("lines",)

    type: Literal["overlay"] = "overlay"
    lines: ConfigKey = Field(description="A line per value of this key.")
    metrics: tuple[CurveMetric, ...] = Field(
        ("train_loss",), min_length=1, description="A panel each."
    )
    seed: int | None = Field(None, ge=0, description="The runs' seed; the lowest if left out.")
    rates: bool = Field(True, description="Mark the epochs in which the rate changes.")
    scale: Literal["auto", "linear", "log"] = Field("auto", description="The metrics' axis.")


class SearchFigure(_Figure):
    """The trials of a search in their order or as time passed, and the best so far."""

    type: Literal["search"] = "search"
    over: Literal["trials", "seconds"] = Field(
        "trials", description="Seconds count from the search's start, pauses included."
    )
    metric: TableMetric | None = Field(
        None,
        description="What is measured; val_loss if left out, without a validation part test_loss.",
    )


class ImportanceFigure(_Figure):
    """What each key of a search says about how good a trial is: permutation importance in a random
    forest, of trials that trained to their end (at least 20)."""

    type: Literal["importance"] = "importance"
    metric: TableMetric | None = Field(
        None,
        description="What is measured; val_loss if left out, without a validation part test_loss.",
    )


class ActivationsFigure(_Figure):
    """Activation functions and their derivatives."""

    short: ClassVar[str] = "activations"

    type: Literal["activations"] = "activations"
    activations: tuple[Activation, ...] = Field(
        (SigmoidActivation(), TanhActivation()), min_length=1, description="A colour each."
    )
    reach: float = Field(5.0, gt=0, description="From −reach to reach.")


AnyFigure = (
    CurvesFigure
    | ErrorBarsFigure
    | HeatMapFigure
    | BoundariesFigure
    | OverlayFigure
    | SearchFigure
    | ImportanceFigure
    | ActivationsFigure
)
Figure = Annotated[
    AnyFigure,
    Field(discriminator="type"),
    Group("figure", "a figure", AnyFigure, "The figures of a study, under report.figures."),
]


class Report(Part):
    """The tables and figures of a study."""

    tables: tuple[ReportTable, ...] = Field((), description="The tables; one of all if left out.")
    figures: tuple[Figure, ...] = Field((), description="The figures, into the folder plots.")

    _source: Mapping | None = PrivateAttr(None)

    def rules(self) -> Iterator[tuple[str, str]]:
        for kind in ("tables", "figures"):
            seen: set[str] = set()
            for index, part in enumerate(getattr(self, kind)):
                if part.name in seen:
                    yield f"{kind}[{index}].name", f"the name {part.name!r} is given twice"
                seen |= {part.name} - {None}
        for index, figure in enumerate(self.figures):
            for i, activation in enumerate(getattr(figure, "activations", ())):
                if activation.type == "softmax":
                    place = f"figures[{index}].activations[{i}]"
                    yield place, "softmax isn't a function of one number, so it has no curve"

    def problem(self, key: str, message: str) -> Problem:
        """A problem with the value of a key such as `report.figures[0].x`, with its place."""
        if self._source is None:
            return Problem(message, key)
        return place_of(self._source, parse_key(key) or ()).problem(message, key)
