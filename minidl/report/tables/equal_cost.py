"""A comparison at equal cost: what it says of the budget, and of where curves cross."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from minidl.report.members.collect import Member
from minidl.report.members.cost import OVER, Cost, Vector, at_equal_cost, crossing, spent
from minidl.report.members.groups import Group
from minidl.report.members.paired import Difference
from minidl.report.members.series import series
from minidl.report.tables.numbers import one
from minidl.scores import higher_is_better


def at_equal(
    groups: Sequence[Group], per: Cost, per_epoch: Callable[[Member], float]
) -> tuple[list[Group], str]:
    """The groups' runs as they stood when all had spent the same, and how much that was."""

    def costs(member: Member) -> Vector:
        return spent(member, per, 1.0 if per in ("epochs", "seconds") else per_epoch(member))

    priced, budget = at_equal_cost([group.members for group in groups], costs)
    made = [replace(group, members=runs) for group, runs in zip(groups, priced, strict=True)]
    return made, f"at equal cost: each run as it stood after {one(budget, '')} {OVER[per]}"


def crossings(
    groups: Sequence[tuple[str, Group]],
    differences: Sequence[tuple[int, int, Difference]],
    over: str,
) -> Iterator[str]:
    """Where the lead of two groups' mean curves changed for the last time."""
    for i, j, difference in differences:
        (name, one_side), (other, other_side) = groups[i], groups[j]
        first = series(one_side.members, difference.metric, "none", [])
        second = series(other_side.members, difference.metric, "none", [])
        if first is None or second is None:
            continue
        costs, a, b = np.intersect1d(first.epochs, second.epochs, return_indices=True)
        at = crossing(first.mean[a], second.mean[b])
        if at is None:
            continue
        first_leads = bool(first.mean[a][at] > second.mean[b][at]) == higher_is_better(
            difference.metric
        )
        ahead, behind = (name, other) if first_leads else (other, name)
        yield f"from {one(costs[at], '')} {over} on, {ahead} is ahead of {behind}"
