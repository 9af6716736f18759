"""Columns whose values have an order (numbers, ranks, dates), and what the network gets for them.

Each reads a cell as one number, fills gaps, takes the number apart where it must, and scales.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from minidl.data.cells import Fault, Notation, numbers
from minidl.data.dataset import Floats, Integers
from minidl.data.messages import listed, quoted
from minidl.data.scale import Scale
from minidl.errors import DataError

if TYPE_CHECKING:
    from minidl.data.cells import Cells
    from minidl.data.plan import Plan

TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0", "on"})
FALSE = frozenset({"false", "f", "no", "n", "0", "0.0", "off"})


@dataclass(frozen=True)
class OrderedColumn:
    """The base: `fill` stands in for a missing value (None: it is an error).

    With `indicator` another input is 1 where the value was missing, else 0.
    """

    kind: ClassVar[str]
    needed: ClassVar[str] = "a number"

    name: str
    scales: tuple[Scale, ...] = (Scale(),)
    fill: float | None = None
    indicator: bool = False

    @classmethod
    def fit(cls, cells: Cells, plan: Plan, training: Integers, file: str) -> Self:
        """Learns fill and scales from the `training` rows (positions). Raises DataError."""
        column = cls.planned(str(cells.name), plan)
        all_values, _ = column.read(cells, plan.notation)  # what can't be read is said elsewhere
        gaps, values = np.isnan(all_values), all_values[training]
        values = values[np.isfinite(values)]
        if not len(values):
            where = "" if gaps.all() else " in the training part"
            raise DataError(
                f"{file}: column {quoted(cells.name)} holds no value{where}: remove it (`drop`)"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            fill = _filling(values, plan.missing)
        column = column.anchored(values)
        try:
            scales = tuple(
                Scale.of(part, column.scaling(name, plan.scale))
                for name, part in column.parts(values).items()
            )
            if fill is not None and not np.isfinite(fill):
                raise ValueError("the values are too large to average")
        except ValueError as error:
            raise DataError(f"{file}: column {quoted(cells.name)}: {error}") from error
        return replace(
            column,
            scales=scales,
            fill=fill,
            indicator=plan.indicator and bool(gaps.any()),
        )

    @classmethod
    def planned(cls, name: str, plan: Plan) -> Self:
        """The column without what is learned."""
        return cls(name)

    def anchored(self, values: Floats) -> Self:
        """The same with what parts are counted from, learned from the training's values."""
        return self

    @abstractmethod
    def read(self, cells: Cells, notation: Notation) -> tuple[Floats, list[Fault]]:
        """Cells (N,) to one number each (N,), NaN where missing."""

    def parts(self, values: Floats) -> dict[str, Floats]:
        """What becomes of values (N,): an input (N,) each, by name."""
        return {self.name: values}

    def scaling(self, part: str, how: str) -> str:
        """How a part is scaled where the plan says `how`."""
        return how

    @property
    def feature_names(self) -> tuple[str, ...]:
        names = tuple(self.parts(np.zeros(1)))
        return (*names, f"{self.name} missing") if self.indicator else names

    def encode(self, cells: Cells, notation: Notation, out: Floats) -> list[Fault]:
        """Cells (N,) into `out` (N, features); returns where that can't be done."""
        values, faults = self.read(cells, notation)
        gaps = np.isnan(values)
        for fault in faults:
            gaps &= ~fault.where
        if gaps.any() and self.fill is None:
            faults.append(Fault(gaps, lambda text: f"missing value: {self.needed} is needed here"))
        filled = 0.0 if self.fill is None else self.fill
        values = np.where(np.isfinite(values), values, filled)
        for i, (part, scale) in enumerate(
            zip(self.parts(values).values(), self.scales, strict=True)
        ):
            out[:, i] = scale.forward(part)
        if self.indicator:
            out[:, -1] = gaps
        return faults

    def to_inputs(self, raw: Floats) -> Floats:
        """Features (…, features) in the units of the file, scaled."""
        parts = [scale.forward(raw[..., i]) for i, scale in enumerate(self.scales)]
        return np.stack([*parts, *([raw[..., -1]] if self.indicator else [])], axis=-1)

    def to_raw(self, inputs: Floats) -> Floats:
        """The inverse of `to_inputs`."""
        parts = [scale.inverse(inputs[..., i]) for i, scale in enumerate(self.scales)]
        return np.stack([*parts, *([inputs[..., -1]] if self.indicator else [])], axis=-1)

    @classmethod
    def restored(cls, values: dict[str, Any]) -> Self:
        """From the values of a JSON file. Raises KeyError, TypeError and ValueError."""
        if "scales" not in values:  # as version 0.1.0 wrote it
            values["scales"] = [
                {"center": values.pop("mean"), "width": values.pop("std")}
                | {"log": False, "quantiles": []}
            ]
        values["scales"] = tuple(map(Scale.from_dict, values["scales"]))
        if values["fill"] is not None and not np.isfinite(float(values["fill"])):
            raise ValueError("fill isn't a finite number")
        given: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        column = cls(**given)
        if len(column.parts(np.zeros(1))) != len(column.scales):
            raise ValueError(f"column {quoted(column.name)} has {len(column.scales)} scales")
        return column


def _filling(values: Floats, how: str) -> float | None:
    if how in ("mean", "median"):
        return float(values.mean() if how == "mean" else np.median(values))
    return 0.0 if how == "zero" else None


@dataclass(frozen=True)
class NumericColumn(OrderedColumn):
    """One input; texts in `strip` are no part of the number."""

    kind = "numeric"

    strip: tuple[str, ...] = ()

    @classmethod
    def planned(cls, name: str, plan: Plan) -> Self:
        return cls(name, strip=plan.notation.strip)

    def read(self, cells: Cells, notation: Notation) -> tuple[Floats, list[Fault]]:
        return numbers(cells, replace(notation, strip=self.strip))


@dataclass(frozen=True)
class CyclicColumn(NumericColumn):
    """Two inputs, cosine and sine of value / period as a turn."""

    kind = "cyclic"

    period: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.period < np.inf:
            raise ValueError("a period is positive")

    @classmethod
    def planned(cls, name: str, plan: Plan) -> Self:
        return cls(name, strip=plan.notation.strip, period=plan.period)

    def parts(self, values: Floats) -> dict[str, Floats]:
        return turn(self.name, values / self.period)

    def scaling(self, part: str, how: str) -> str:
        return "none"


@dataclass(frozen=True)
class BooleanColumn(OrderedColumn):
    """One input, 1 for true, yes or 1, else 0."""

    kind = "boolean"
    needed = "yes or no"

    def read(self, cells: Cells, notation: Notation) -> tuple[Floats, list[Fault]]:
        values = np.array([_truth(cell) for cell in cells.where(cells.notna(), None)])
        wrong = np.isnan(values) & cells.notna().to_numpy()
        what = "expected yes or no, true or false, 1 or 0, but got"
        return values, [Fault(wrong, lambda text: f"{what} {quoted(text)}")] if wrong.any() else []

    def scaling(self, part: str, how: str) -> str:
        return "none"


def _truth(cell: object) -> float:
    word = str(cell).lower()
    return 1.0 if word in TRUE else 0.0 if word in FALSE else np.nan


@dataclass(frozen=True)
class OrdinalColumn(OrderedColumn):
    """One input: the rank of the word in `order`, from 0."""

    kind = "ordinal"
    needed = "a word with a rank"

    order: tuple[str, ...] = ()

    @classmethod
    def planned(cls, name: str, plan: Plan) -> Self:
        return cls(name, order=plan.order)

    def read(self, cells: Cells, notation: Notation) -> tuple[Floats, list[Fault]]:
        rank = {word: float(i) for i, word in enumerate(self.order)}
        values = np.array([rank.get(str(cell), np.nan) for cell in cells])
        wrong = np.isnan(values) & cells.notna().to_numpy()
        known = listed(self.order)
        what = Fault(wrong, lambda text: f"{quoted(text)} has no place in `order`: {known}")
        return values, [what] if wrong.any() else []


def turn(name: str, turns: Floats) -> dict[str, Floats]:
    """A place on the circle, of which 1 is a whole turn."""
    angle = 2 * np.pi * np.mod(turns, 1)
    return {f"{name} cos": np.cos(angle), f"{name} sin": np.sin(angle)}
