"""What a sweep chose, and what that comes to on fresh seeds.

The best of many means is best by luck, too, so its figures flatter; those of seeds that nobody has
looked at don't.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from minidl.errors import RunError
from minidl.report.members.collect import Member
from minidl.report.members.groups import (
    Group,
    Statistics,
    effective,
    group_by,
    rank,
    t_quantile,
)
from minidl.report.members.measures import words
from minidl.report.members.settings import FOLD, SEEDS
from minidl.scores import higher_is_better


@dataclass(frozen=True)
class Confirmed:
    """A metric in the sweep that chose, and over fresh seeds, of which some may have diverged."""

    metric: str
    chosen: Statistics
    fresh: Statistics
    diverged: int = 0

    @property
    def flattering(self) -> float:
        """By how much the sweep's mean was too good; below 0 where it was too bad."""
        difference = self.chosen.mean - self.fresh.mean
        return difference if higher_is_better(self.metric) else -difference

    @property
    def ci95(self) -> float:
        """Half the width of its 95 % interval, if all seeds scatter as the fresh ones do."""
        if self.fresh.n < 2:
            return math.nan
        both = math.sqrt(
            sum(1 / effective(of.n, of.test_share) for of in (self.chosen, self.fresh))
        )
        return t_quantile(self.fresh.n - 1) * self.fresh.std * both


def best_group(members: Sequence[Member], metric: str) -> Group:
    """The runs that differ by seed alone with the best mean; the fewest diverged go first.

    Raises RunError where no finished run has the metric.
    """
    groups = [group for group in group_by(members, None) if group.statistics(metric).n]
    if not groups:
        raise RunError(f"nothing to confirm: no finished run has {words(metric)}")
    return min(groups, key=lambda group: rank(group, metric))


def fresh_seeds(members: Sequence[Member], group: Group, count: int) -> list[str]:
    """Overrides of a member's config: run seeds that no run of the sweep has.

    A stream's own seed goes where the group's runs differ in it: the run's seed then draws it. Of
    folds, each seed tests all.
    """
    first = 1 + max(int(member.settings["seed"] or 0) for member in members)
    seeds = ",".join(map(str, range(first, first + count)))
    own = [
        f"{key}=null"
        for key in SEEDS[1:]
        if len({member.settings.get(key) for member in group.members}) > 1
    ]
    folds = [f"{FOLD}={','.join(str(fold + 1) for fold in range(group.folds))}"] * bool(group.folds)
    return [f"seed={seeds}", *own, *folds]


def confirmed(chosen: Group, fresh: Sequence[Member], metrics: Iterable[str]) -> list[Confirmed]:
    """Each metric that both have."""
    group = Group({}, fresh)
    lost = group.count("diverged")
    made = [
        Confirmed(metric, chosen.statistics(metric), group.statistics(metric), lost)
        for metric in metrics
    ]
    return [one for one in made if one.chosen.n and one.fresh.n]
