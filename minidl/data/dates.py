"""Columns of dates, and the parts that the network gets of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from minidl.data.cells import Fault, Notation
from minidl.data.columns import OrderedColumn, turn
from minidl.data.dataset import Floats
from minidl.data.messages import quoted

if TYPE_CHECKING:
    from minidl.data.cells import Cells
    from minidl.data.plan import Plan

DAY = 86_400  # seconds


@dataclass(frozen=True)
class DateColumn(OrderedColumn):
    """The `parts` of a date: days (since the first of the training part) and year as numbers,
    month, day, weekday and hour on the circle, two inputs each.
    """

    kind = "date"
    needed = "a date"

    format: str | None = None
    date_parts: tuple[str, ...] = ("days",)
    first: float = 0.0  # of the training part, in seconds since 1970

    @classmethod
    def planned(cls, name: str, plan: Plan) -> Self:
        return cls(name, format=plan.format, date_parts=plan.parts)

    def anchored(self, values: Floats) -> Self:
        return replace(self, first=float(values.min()))

    def read(self, cells: Cells, notation: Notation) -> tuple[Floats, list[Fault]]:
        """Seconds since 1970; times with a time zone are converted to UTC."""
        import pandas as pd

        texts = cells.where(cells.notna(), None).map(str, na_action="ignore")
        try:
            times = pd.to_datetime(
                texts, format=self.format or "ISO8601", errors="coerce", utc=True
            )
        except ValueError as error:  # no such format
            every, said = cells.notna().to_numpy(), f"`format` can't be used: {error}"
            return np.full(len(cells), np.nan), [Fault(every, lambda text: said)]
        since = (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
        values: Floats = np.asarray(since, dtype=np.float64)
        wrong = np.isnan(values) & cells.notna().to_numpy()
        way = f"as {self.format}" if self.format else "such as 2025-01-31 (else say its `format`)"
        what = Fault(wrong, lambda text: f"expected a date {way}, but got {quoted(text)}")
        return values, [what] if wrong.any() else []

    def parts(self, values: Floats) -> dict[str, Floats]:
        import pandas as pd

        times = pd.to_datetime(pd.Series(values), unit="s")
        hour = values / DAY
        found: dict[str, Floats] = {}
        for part in self.date_parts:
            name = f"{self.name} {part}"
            if part == "days":
                found[name] = (values - self.first) / DAY
            elif part == "year":
                found[name] = np.asarray(times.dt.year, dtype=np.float64)
            elif part == "hour":
                found |= turn(name, hour)
            else:
                size = {"month": 12, "day": 31, "weekday": 7}[part]
                first = 0 if part == "weekday" else 1
                field = "day_of_week" if part == "weekday" else part
                counted = np.asarray(getattr(times.dt, field), dtype=np.float64)
                found |= turn(name, (counted - first) / size)
        return found

    def scaling(self, part: str, how: str) -> str:
        return "none" if part.endswith((" cos", " sin")) else how
