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
    """Of a metric over `n` runs; std is the sample's, with n − 1, and NaN for n < 2."""

    n: int
    mean: float = math.nan
    std: float = math.nan
    min: float = math.nan
    max: float = math.nan
    median: float = math.nan

    @classmethod
    def of(cls, values: Iterable[float]) -> Statistics:
        """NaN isn't a value; the order doesn't matter, not even to the last bit."""
        known = np.sort([value for value in values if math.isfinite(value)])
        if not known.size:
            return cls(0)
        power = binary_power(known)
        scaled = np.ldexp(known, -power)
        return cls(
            n=int(known.size),
            mean=float(np.ldexp(math.fsum(scaled) / known.size, power)),
            std=float(np.ldexp(_std(scaled), power)),
            min=float(known[0]),
            max=float(known[-1]),
            median=float(np.median(known)),
        )

    @property
    def ci95(self) -> float:
        """Half the width of the mean's 95 % confidence interval (Student's t)."""
        if self.n < 2:
            return math.nan
        return t_quantile(self.n - 1) * self.std / math.sqrt(self.n)


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
        return Statistics.of(member.value(metric, epoch) for member in self.finished)


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

    One with diverged runs is chosen only where all have some: nine lost runs must not win by the
    tenth.
    """
    best: dict[Any, Group] = {}
    for group in groups:
        others = [name for name in group.settings if name != key]
        kind = (tuple(others), identity(group.settings, others))
        if kind not in best or _rank(group, metric, epoch) < _rank(best[kind], metric, epoch):
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


def _rank(group: Group, metric: str, epoch: str) -> tuple[bool, bool, float]:
    mean = group.statistics(metric, epoch).mean
    return (math.isnan(mean), group.count("diverged") > 0, goodness(mean, metric)[1])


def _common(members: Sequence[Member], keys: Sequence[str] | None) -> Settings:
    """What the members share: the values of the keys, or the whole config."""
    first: Mapping[str, Any] = members[0].settings
    if keys is None:
        return dict(first)
    return {key: first[key] for key in keys if key in first}
