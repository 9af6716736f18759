"""Runs of a grid → whose the variance of a metric is: keys', pairs of keys', the seeds'."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minidl.errors import RunError
from minidl.plural import plural
from minidl.report.members.collect import Member
from minidl.report.members.measures import words
from minidl.report.members.settings import (
    FOLD,
    Value,
    heads,
    identity,
    labels,
    sort_key,
    varying,
)
from minidl.report.members.variance import Axes, Components, Table, components
from minidl.seeds import KEYS

MOST_KEYS = 8  # 2^8 sets of them are looked at
CHANCE = {"seed": "seed", FOLD: "fold"} | {key: f"seed: {stream}" for stream, key in KEYS.items()}

Level = tuple[object, ...]


@dataclass(frozen=True)
class Share:
    """What one cause has of the variance.

    of: `lr`, `lr × activation`, `seed: data`. by_seed: whether it is chance. share: from 0 to 1.
    std: the standard deviation that it alone would leave, in the metric's unit.
    """

    of: str
    by_seed: bool
    share: float
    std: float


@dataclass(frozen=True)
class Shares:
    """Keys before seeds, the largest first; the shares add up to 1. runs: how many were counted."""

    metric: str
    runs: int
    shares: Sequence[Share]
    notes: Sequence[str]


def variance_shares(
    members: Sequence[Member], metric: str, by: Sequence[str] | None = None, epoch: str = "last"
) -> Shares:
    """Shares a metric's variance among keys, by default all in which the runs differ, and seeds.

    Raises RunError where the runs are no whole grid of the keys, or all have the same value.
    """
    known = [m for m in members if m.finished and math.isfinite(m.value(metric, epoch))]
    if not known:
        raise RunError(f"no finished run has {words(metric)}")
    keys = list(by or varying([member.settings for member in members]))
    if len(keys) > MOST_KEYS:
        raise RunError(
            f"the runs differ in {len(keys)} keys: choose at most {MOST_KEYS} of them with --by: "
            f"{', '.join(keys)}"
        )
    factors = [_Factor(name, [key]) for name, key in zip(heads(keys), keys, strict=True)]
    streams, notes = _streams(known, keys), list[str]()
    table = _table(known, [m.value(metric, epoch) for m in known], factors, streams, notes)
    largest = float(np.abs(table).max())  # without it squares could overflow
    found = components(table / (largest or 1.0), len(factors))
    if not found.total:
        raise RunError(f"all {table.size} runs have the same {words(metric)}: nothing varies")
    if table[(0,) * len(factors)].size == 1:
        notes.append("each point was trained once: what the seeds do is among the keys' shares")
    return Shares(metric, table.size, _named(found, factors, streams, largest), notes)


@dataclass(frozen=True)
class _Factor:
    """Settings that vary together: one key, or all seeds."""

    name: str
    keys: Sequence[str]

    def level(self, member: Member) -> Level:
        return identity(member.settings, self.keys)

    def values(self, members: Sequence[Member]) -> dict[Level, Value]:
        """What each level is called, in their order."""
        found = {self.level(m): [m.settings.get(key) for key in self.keys] for m in members}
        ordered = sorted(found, key=lambda level: list(map(sort_key, found[level])))
        return {level: found[level][0] for level in ordered}


def _streams(members: Sequence[Member], keys: Sequence[str]) -> list[_Factor]:
    """The seeds: each stream a factor where all their values are crossed, else they are one.

    What else differs and isn't asked for counts as chance, too.
    """
    others = [key for key in varying([member.settings for member in members]) if key not in keys]
    seeds = [key for key in CHANCE if key not in keys]
    apart = [_Factor(CHANCE[key], [key]) for key in seeds]
    apart = [factor for factor in apart if len(factor.values(members)) > 1]
    crossed = math.prod(len(factor.values(members)) for factor in apart)
    one = _Factor(" and ".join(["seed", *heads(others)]), [*seeds, *others])
    return apart if len(apart) > 1 and crossed == len(one.values(members)) else [one]


def _table(
    members: Sequence[Member],
    values: Sequence[float],
    factors: Sequence[_Factor],
    streams: Sequence[_Factor],
    notes: list[str],
) -> Table:
    """An axis for each factor and stream; seeds without all results are left out, and noted."""
    found: dict[tuple[Level, ...], dict[tuple[Level, ...], float]] = {}
    for member, value in zip(members, values, strict=True):
        cell, seed = (tuple(f.level(member) for f in group) for group in (factors, streams))
        found.setdefault(seed, {})[cell] = value
    levels = [factor.values(members) for factor in factors]
    cells = list(itertools.product(*levels))
    whole = [seed for seed, of in found.items() if len(of) == len(cells)]
    if not whole:
        fewest = min(cells, key=lambda cell: sum(cell in of for of in found.values()))
        lacking = ", ".join(
            f"{factor.name}={labels([*named.values()])[[*named].index(level)]}"
            for factor, named, level in zip(factors, levels, fewest, strict=True)
        )
        raise RunError(
            "shares need a result for each combination of the keys, with one seed at least, but "
            f"{lacking} lacks them: choose runs with --where, or keys with --by"
        )
    axes = [list(dict.fromkeys(seed[axis] for seed in whole)) for axis in range(len(streams))]
    seeds = list(itertools.product(*axes))
    if len(seeds) > len(whole):
        raise RunError(
            f"{len(seeds) - len(whole)} of {len(seeds)} combinations of the streams' seeds lack a "
            "result: choose runs with --where"
        )
    if left_out := len(found) - len(whole):
        notes.append(f"{plural(left_out, 'seed')} left out, for which a run has no result")
    rows = [[found[seed][cell] for seed in seeds] for cell in cells]
    return np.reshape(np.array(rows), [*map(len, levels), *map(len, axes)])


def _named(
    found: Components, factors: Sequence[_Factor], streams: Sequence[_Factor], unit: float
) -> list[Share]:
    names = [factor.name for factor in (*factors, *streams)]

    together = " × ".join(factor.name.removeprefix("seed: ") for factor in streams)

    def share(of: Axes, part: float, by_seed: bool) -> Share:
        if not by_seed:
            name = " × ".join(names[axis] for axis in of) or "three keys or more together"
        else:
            name = names[of[0]] if len(of) == 1 else together
        return Share(name, by_seed, part / found.total, unit * math.sqrt(part))

    # What several streams do together is one share: nobody has a use for its parts.
    alone = {of: part for of, part in found.seeds.items() if len(of) == 1}
    others = [part for of, part in found.seeds.items() if len(of) != 1]
    seeds = alone | ({(): math.fsum(others)} if others else {})
    made: list[Share] = []
    for parts, by_seed in ((found.keys, False), (seeds, True)):
        of_kind = [share(of, part, by_seed) for of, part in parts.items()]
        made += sorted(of_kind, key=lambda one: -one.share)
    return made
