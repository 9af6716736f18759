"""Members → groups of runs that differ by seed alone, with statistics of their metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from minidl.report.members.collect import Member
from minidl.report.members.settings import Settings, identity, sort_key, value_id, varying
from minidl.scores import higher_is_better


@dataclass(frozen=True)
class Statistics:
    """Of a metric over `n` runs; std is the sample's, with n − 1, and NaN for n < 2.

    test_share: n_test / n_train where runs are tested on folds of the same rows; else 0.
    """

    n: int
    mean: float = math.nan
    std: float = math.nan
    min: float = math.nan
    max: float = math.nan
    median: float = math.nan
    test_share: float = 0.0

    @classmethod
    def of(cls, values: Iterable[float], test_share: float = 0.0) -> Statistics:
        """NaN isn't a value; the order doesn't matter, not even to the last bit."""
        known = np.sort([value for value in values if math.isfinite(value)])
        if not known.size:
            return cls(0)
        if known.size == 1:  # thousands of rows may have one run each
            (only,) = known.tolist()
            mean = math.fsum(known)
            return cls(1, mean=mean, min=only, max=only, median=only, test_share=test_share)
        power = binary_power(known)
        scaled = np.ldexp(known, -power)
        return cls(
            n=int(known.size),
            mean=float(np.ldexp(math.fsum(scaled) / known.size, power)),
            std=float(np.ldexp(_std(scaled), power)),
            min=float(known[0]),
            max=float(known[-1]),
            median=float(np.median(known)),
            test_share=test_share,
        )

    @property
    def sem(self) -> float:
        """The standard error of the mean."""
        return self.std / math.sqrt(effective(self.n, self.test_share)) if self.n > 1 else math.nan

    @property
    def ci95(self) -> float:
        """Half the width of the mean's 95 % confidence interval (Student's t)."""
        if self.n < 2:
            return math.nan
        scattered = t_quantile(self.n - 1) * self.std
        return scattered / math.sqrt(effective(self.n, self.test_share))


def effective(count: Any, test_share: float) -> Any:
    """How many independent runs would say as much of the mean as `count` of them, arrays too.

    Runs that are tested on folds train on mostly the same rows, so the mean's variance isn't s²/J
    but (1/J + n_test/n_train) s²  (Nadeau & Bengio 2003, Inference for the generalization error).
    """
    return count / (1 + count * test_share)


def binary_power(values: np.ndarray) -> Any:
    """That of the largest of values (n, …): without it squares neither overflow nor vanish."""
    return np.frexp(np.nanmax(np.abs(values), axis=0))[1]


def _std(known: np.ndarray) -> float:
    """Equal values have none, whatever rounding says."""
    if known.size < 2:
        return math.nan
    return float(known.std(ddof=1)) if known[0] < known[-1] else 0.0


def t_quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975))


@dataclass(frozen=True)
class Group:
    """Runs that count as one experiment, and the settings that they are told apart by."""

    settings: Settings
    members: Sequence[Member]

    @cached_property
    def finished(self) -> list[Member]:
        return [member for member in self.members if member.finished]

    def count(self, status: str) -> int:
        return sum(member.status == status for member in self.members)

    def statistics(self, metric: str, epoch: str = "last") -> Statistics:
        """Over the finished runs: a diverged run has no final metric, and is counted instead."""
        values = (member.value(metric, epoch) for member in self.finished)
        return Statistics.of(values, self.test_share)

    @property
    def folds(self) -> int:
        """Of how many folds its runs test one each; 0 where there are none, or they differ."""
        found = {member.folds for member in self.members}
        return found.pop() if len(found) == 1 else 0

    @property
    def wanted(self) -> int:
        """How many runs it has when all are there: of folds, each in every repeat."""
        repeats = {member.draw[:-1] for member in self.members}
        return self.folds * len(repeats) or len(self.members)

    @cached_property
    def test_share(self) -> float:
        """n_test / n_train of folds, else 0."""
        return test_share(self.members)


def test_share(members: Sequence[Member]) -> float:
    """How many rows test for each that may train, where folds do; else 0."""
    return math.fsum(member.test_share for member in members) / max(len(members), 1)


def group_by(members: Sequence[Member], keys: Sequence[str] | None) -> list[Group]:
    """Groups by the values of some keys; None: by the whole config, seeds aside."""
    found: dict[Any, list[Member]] = {}
    for member in members:
        kind = member.experiment if keys is None else identity(member.settings, keys)
        found.setdefault(kind, []).append(member)
    return [Group(_common(group, keys), group) for group in found.values()]


def pooled_keys(groups: Iterable[Group]) -> list[str]:
    """What the runs of a group differ in beside their seeds."""
    found: dict[str, None] = {}
    for group in groups:
        if len({member.experiment for member in group.members}) > 1:
            found |= dict.fromkeys(varying([member.settings for member in group.members]))
    return [*found]


def best_over(groups: Sequence[Group], key: str, metric: str, epoch: str = "last") -> list[Group]:
    """Of the groups that differ in `key` alone, the one with the best mean.

    One with diverged runs is chosen only where all have some.
    """
    best: dict[Any, Group] = {}
    for group in groups:
        others = [name for name in group.settings if name != key]
        kind = (tuple(others), identity(group.settings, others))
        if kind not in best or rank(group, metric, epoch) < rank(best[kind], metric, epoch):
            best[kind] = group
    return list(best.values())


def values_of(groups: Iterable[Group], key: str) -> list[Any]:
    """The values of a key among groups, sorted, each once."""
    values = {value_id(group.settings.get(key)): group.settings.get(key) for group in groups}
    return sorted(values.values(), key=sort_key)


def goodness(value: float, metric: str) -> tuple[bool, float]:
    """Sorts the best first and NaN last."""
    if math.isnan(value):
        return True, 0.0
    return False, -value if higher_is_better(metric) else value


def rank(group: Group, metric: str, epoch: str = "last") -> tuple[bool, bool, float]:
    """Sorts the best mean first; groups with diverged runs behind the others, then what has none.

    Nine lost runs must not win by the tenth.
    """
    mean = group.statistics(metric, epoch).mean
    return (math.isnan(mean), group.count("diverged") > 0, goodness(mean, metric)[1])


def _common(members: Sequence[Member], keys: Sequence[str] | None) -> Settings:
    """What the members share: the values of the keys, or the whole config."""
    first: Mapping[str, Any] = members[0].settings
    if keys is None:
        return dict(first)
    return {key: first[key] for key in keys if key in first}
