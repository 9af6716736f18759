"""Whether one group of runs is better than another: paired by seed, with exact tests.

Members of a grid share their seeds, so what a seed does to a run it does to both of a pair. The
test assumes no distribution: were both groups alike, each difference could as well have the other
sign (Fisher 1935, The Design of Experiments, §21). Folds aren't independent, as any two of them
share most of what they train on: their test is the corrected resampled t-test (Nadeau & Bengio
2003, Inference for the generalization error, §3).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidl.report.members.groups import Group, Statistics, effective, pooled_keys, rank
from minidl.report.members.settings import identity, value_id
from minidl.scores import higher_is_better, without_part

LEVEL = 0.05  # of significance
POWER = 0.8  # with which more seeds are to find the difference that was seen
EXACT = 14  # pairs: up to 2^14 sign flips are all tried, above so many are drawn
MOST_SEEDS = 10_000  # that are worth an estimate

# What isn't a score: nobody is better by it.
UNSCORED = ("parameters", "epochs")
# Losses of two kinds can't be compared; nor can scores on other data.
DATA_KEYS = ("data", "data.sha256", "data.validation_sha256", "data.test_sha256")

Vector = NDArray[Any]


@dataclass(frozen=True)
class Difference:
    """What the first group has over the second in a metric, over the seeds that both have.

    of: the differences' statistics, pair by pair, where neither run diverged; n: all pairs, those
    with a diverged run included; by_seed: whether the runs of a group differ by seed alone; p: of
    the two-sided test, NaN below two pairs; seeds: how many pairs would be needed to find a
    difference as large as the mean, None where nobody can say; level: of significance that the p
    of this pair alone must reach, one of several; folds: of how many each run tests
    one, 0 where there are none.
    """

    metric: str
    of: Statistics
    n: int
    by_seed: bool
    diverged: tuple[int, int]
    unpaired: int
    p: float
    seeds: int | None
    folds: int = 0
    level: float = LEVEL

    @property
    def decided(self) -> bool:
        """Whether the groups are told apart."""
        return self.p <= LEVEL

    @property
    def better(self) -> bool:
        """Whether the first is the better, by more diverged runs of the second where none is."""
        if self.of.n and self.of.mean:
            return (self.of.mean > 0) == higher_is_better(self.metric)
        return self.diverged[0] < self.diverged[1]


def difference(first: Group, second: Group, metric: str, epoch: str = "last") -> Difference:
    """Compares two groups whose runs share seeds, and whatever else differs within a group.

    A diverged run is worse than any other. Where a pair has one, the test is of the differences'
    ranks (Wilcoxon 1945), in which such a pair is the largest.
    """
    pooled = pooled_keys([first, second])
    a, b = (_values(group, pooled, metric, epoch) for group in (first, second))
    shared = [seeds for seeds in a if seeds in b]
    both = np.array([[a[seeds], b[seeds]] for seeds in shared]).reshape(-1, 2)
    lost = np.isnan(both)
    differences = (both[:, 0] - both[:, 1])[~lost.any(axis=1)]
    one_lost = lost[lost.sum(axis=1) == 1]
    signs = np.where(one_lost[:, 1], 1.0, -1.0) * (1 if higher_is_better(metric) else -1)
    tested = differences
    if signs.size:
        tested = np.concatenate([_ranks(differences), signs * (differences.size + 1)])
    share = max(first.test_share, second.test_share)
    of = Statistics.of(differences, share)
    test = partial(resampled_t_test, test_share=share) if share else sign_flip_test
    return Difference(
        metric,
        of,
        len(shared),
        not pooled,
        (int(lost[:, 0].sum()), int(lost[:, 1].sum())),
        len(a) + len(b) - 2 * len(shared),
        test(tested) if len(shared) > 1 else math.nan,
        seeds_needed(of) if not signs.size else None,
        max(first.folds, second.folds),
    )


def _values(
    group: Group, pooled: Sequence[str], metric: str, epoch: str
) -> dict[tuple[object, ...], float]:
    """By seeds, fold and `pooled` settings; NaN for what diverged.

    Runs without a result are left out.
    """
    values = {}
    for member in group.members:
        value = member.value(metric, epoch)
        if member.status == "diverged":
            value = math.nan
        elif member.status != "done" or not math.isfinite(value):
            continue
        values[*member.draw, member.folds, *identity(member.settings, pooled)] = value
    return values


def _ranks(differences: Vector) -> Vector:
    """Signed ranks of their sizes; equal ones share theirs."""
    sizes = np.abs(differences)
    ranks = (sizes[:, None] > sizes).sum(axis=1) + ((sizes[:, None] == sizes).sum(axis=1) + 1) / 2
    signed: Vector = np.sign(differences) * ranks
    return signed


def sign_flip_test(differences: Vector) -> float:
    """p of the hypothesis that each difference could as well have the other sign, two-sided.

    Exact up to 14 differences; above, by 2^14 flips drawn with a fixed seed, the one that was seen
    among them, so that p is never 0 (Phipson & Smyth 2010).
    """
    count = differences.size
    seen = abs(differences.sum())
    least = seen - 1e-12 * np.abs(differences).sum()  # equal but for rounding
    as_large = np.abs(_flips(count) @ differences) >= least
    return float(as_large.mean())


def resampled_t_test(differences: Vector, test_share: float) -> float:
    """p of the hypothesis that differences of runs tested on the same folds have mean 0, two-sided.

    t = mean / √((1/J + n_test/n_train) s²), with J − 1 degrees of freedom; `test_share` is
    n_test / n_train.
    """
    from scipy.special import stdtr

    of = Statistics.of(differences, test_share)
    if not of.mean:
        return 1.0
    return float(2 * stdtr(of.n - 1, -abs(of.mean) / of.sem)) if of.sem else 0.0


@cache
def _flips(count: int) -> Vector:
    """Rows of signs: all that there are, or 2^14 of them, with that of no flip."""
    if count <= EXACT:
        every: Vector = 1.0 - 2.0 * (np.arange(2**count)[:, None] >> np.arange(count) & 1)
        return every
    drawn: Vector = 1.0 - 2.0 * np.random.default_rng(0).integers(0, 2, (2**EXACT, count))
    drawn[0] = 1.0
    return drawn


def seeds_needed(of: Statistics, level: float = LEVEL) -> int | None:
    """How many pairs a t-test needs to find such a mean difference with a power of 80 %."""
    from scipy.special import stdtrit

    if of.n < 2 or not of.mean:
        return None

    def enough(count: int) -> bool:
        both = stdtrit(count - 1, 1 - level / 2) + stdtrit(count - 1, POWER)
        return bool((both * of.std / of.mean) ** 2 <= effective(count, of.test_share))

    counts = range(2, MOST_SEEDS + 1)
    first = bisect_left(counts, True, key=enough)
    return counts[first] if first < len(counts) else None


def holm(differences: Sequence[Difference]) -> list[Difference]:
    """With p adjusted for how many there are (Holm 1979)."""
    known = [index for index, one in enumerate(differences) if not math.isnan(one.p)]
    made, largest = list(differences), 0.0
    for place, index in enumerate(sorted(known, key=lambda index: differences[index].p)):
        one, tests = differences[index], len(known) - place
        largest = max(largest, min(1.0, tests * one.p))
        seeds = None if one.seeds is None else seeds_needed(one.of, LEVEL / tests)
        made[index] = replace(one, p=largest, seeds=seeds, level=LEVEL / tests)
    return made


def same_data(groups: Sequence[Group]) -> bool:
    """Whether all are scored on data of one kind."""
    table = any(_values_of(group, "data") == {"csv"} for group in groups)
    return not any(_differs(groups, key) for key in (*DATA_KEYS, *["data.target"] * table))


def comparable(groups: Sequence[Group], metric: str) -> bool:
    """Whether a metric means the same for all groups, so that one may be the better."""
    if metric in (*UNSCORED, "train_seconds"):
        return True
    keys = ["loss", "data.target"] if without_part(metric) == "loss" else []
    members = [member for group in groups for member in group.members]
    if without_part(metric) == "loss" and any(math.isfinite(m.value("test_r2")) for m in members):
        keys.append("data.standardize")  # of numbers: the unit of their loss
    return same_data(groups) and not any(_differs(groups, key) for key in keys)


def _differs(groups: Sequence[Group], key: str) -> bool:
    return len({frozenset(_values_of(group, key)) for group in groups}) > 1


def _values_of(group: Group, key: str) -> set[object]:
    return {value_id(m.settings[key]) for m in group.members if key in m.settings}


def against_the_best(
    groups: Sequence[Group], metric: str, epoch: str = "last"
) -> tuple[int, dict[int, Difference]] | None:
    """The group with the best mean, and what it has over each other with which it shares seeds.

    None where no mean is the best, or where nothing is known of how runs scatter. One with diverged
    runs is the best only where all have some.
    """
    means = [group.statistics(metric, epoch).mean for group in groups]
    known = [index for index, mean in enumerate(means) if math.isfinite(mean)]
    if metric in (*UNSCORED, "train_seconds") or len(known) < 2 or not comparable(groups, metric):
        return None
    best = min(known, key=lambda index: rank(groups[index], metric, epoch))
    if len(groups[best].members) < 2:
        return None  # no second pair, so no test
    others = [
        index for index, group in enumerate(groups) if index != best and len(group.members) > 1
    ]
    made = [difference(groups[best], groups[index], metric, epoch) for index in others]
    found = {
        index: one for index, one in zip(others, holm(made), strict=True) if not math.isnan(one.p)
    }
    return (best, found) if found else None
