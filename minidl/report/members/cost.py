"""Runs at equal cost: how each stood when it had spent as much as the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from minidl.errors import RunError
from minidl.report.members.collect import Member
from minidl.scores import is_of_a_part
from minidl.store.run_record import ENDED

Cost = Literal["epochs", "samples", "flops", "seconds"]
POINTS = 200  # of a curve over a cost that no two runs have in common
OVER: dict[Cost, str] = {
    "epochs": "epochs",
    "samples": "samples",
    "flops": "floating-point operations",
    "seconds": "seconds of training",
}

Vector = NDArray[Any]


@dataclass(frozen=True)
class Priced(Member):
    """A run as it stood within a budget: its last evaluation there, its curve over the cost."""

    rows: dict[str, Vector]

    @property
    def columns(self) -> dict[str, Vector]:
        """As those of metrics.csv, but `epoch` is the cost."""
        return self.rows


def spent(member: Member, cost: Cost, per_epoch: float = 1.0) -> Vector:
    """What each row of a run's metrics.csv had cost; `per_epoch` unless it counts seconds."""
    if member.status not in ENDED:  # it may not even have a metrics.csv
        return np.empty(0)
    columns = member.columns
    costs: Vector = columns["seconds"] if cost == "seconds" else columns["epoch"] * per_epoch
    return costs


def at_equal_cost(
    sides: Sequence[Sequence[Member]], costs: Callable[[Member], Vector]
) -> tuple[list[list[Priced]], float]:
    """All runs of all sides with what they had reached within the budget, and that budget.

    It is the least that any finished run spent. Raises RunError where none finished.
    """
    totals = [
        (float(costs(member)[-1]), float(costs(member)[0]))
        for side in sides
        for member in side
        if member.finished and costs(member).size
    ]
    if not totals:
        raise RunError("no run has finished, so there is no cost to compare at")
    budget = min(total for total, _ in totals)
    if any(first > budget for _, first in totals):
        raise RunError("a run spent more in its first epoch than another in all of them")
    grid = np.linspace(0.0, max(total for total, _ in totals), POINTS + 1)[1:]
    return [[_priced(m, costs(m), budget, grid) for m in side] for side in sides], budget


def _priced(member: Member, costs: Vector, budget: float, grid: Vector) -> Priced:
    """Where a value isn't known (`eval_every`), the last that is. What didn't end isn't priced."""
    if not costs.size:
        return Priced(member.folder, member.settings, member.record, {})
    at = np.searchsorted(costs, np.append(grid, budget), side="right") - 1
    reached = (at >= 0) & (np.append(grid, budget) <= costs[-1])
    rows, final = {"epoch": grid}, dict[str, float]()
    for name, values in member.columns.items():
        if not is_of_a_part(name):
            continue
        known = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(values.size), -1))
        place = np.where(reached, known[at], -1)
        found = np.where(place >= 0, values[place], np.nan)
        rows[name] = found[:-1]
        if place[-1] >= 0:
            final[name] = float(found[-1])
    record = replace(member.record, final=final, best={}) if member.finished else member.record
    return Priced(member.folder, member.settings, record, rows)


def crossing(first: Vector, second: Vector) -> int | None:
    """Where on a grid the better of two mean curves last changed; None where one always leads."""
    ahead = np.sign(first - second)
    known = np.flatnonzero(np.isfinite(ahead) & (ahead != 0))
    changes = [b for a, b in pairwise(known) if ahead[a] != ahead[b]]
    return int(changes[-1]) if changes else None
