"""How much of a metric's variance is a key's, a pair of keys', and the seeds'.

The keys' values are all that there are, the seeds a sample of many: a mixed model of a crossed
design. What a key has is estimated without the noise that the seeds add to its means (ω², Hays
1963, Statistics for Psychologists); what a stream of seeds has, by the expected mean squares of its
effects (Searle, Casella & McCulloch 1992, Variance Components, §4.4).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]
Axes = tuple[int, ...]


@dataclass(frozen=True)
class Components:
    """Parts of a variance by the axes of a table whose effects they are, in the metric's unit².

    keys: by one axis or two; the rest, of three and more, under (). seeds: likewise.
    """

    keys: Mapping[Axes, float]
    seeds: Mapping[Axes, float]

    @property
    def total(self) -> float:
        """What all of them add up to."""
        return math.fsum([*self.keys.values(), *self.seeds.values()])


def components(table: Table, keys: int) -> Components:
    """Of a table (levels of each key, …, seeds of each stream, …); its first `keys` axes are keys.

    Each stream's seeds are the same for all values of the keys. None of the estimates is below 0.
    """
    streams = tuple(range(keys, table.ndim))
    of_keys = tuple(range(keys))
    seeds: dict[Axes, float] = {}
    noise = 0.0  # that the seeds leave in the mean over them, beside what they do to all keys alike
    if any(table.shape[axis] > 1 for axis in streams):
        seeds = _random(table, streams)
        cells = math.prod(table.shape[:keys])
        if cells > 1:
            alone = table - table.mean(axis=of_keys, keepdims=True)
            own = _random(alone * math.sqrt(cells / (cells - 1)), streams)
            noise = sum(part / _levels(table, of) for of, part in own.items())
    means = table.mean(axis=streams)
    fixed = {}
    for of in _subsets(of_keys):
        found = float(np.square(_effect(means, of)).mean())
        freedom = math.prod(table.shape[axis] - 1 for axis in of)
        fixed[of] = max(0.0, found - noise * freedom / means.size)
    return Components(_gathered(fixed), _gathered(seeds))


def _random(table: Table, streams: Axes) -> dict[Axes, float]:
    """The variance of each stream's effects, and of those that streams have together.

    Within each combination of keys, then averaged over these. From the largest set down: its mean
    square expects what all sets have that hold it, each as often as its effect is repeated.
    """
    found: dict[Axes, float] = {}
    for of in sorted(_subsets(streams), key=len, reverse=True):
        freedom = math.prod(table.shape[axis] - 1 for axis in of)
        if not freedom:
            continue
        others = tuple(axis for axis in streams if axis not in of)
        effect = _effect(table, of, others)
        repeated = _levels(table, others)
        squares = np.square(effect).sum(axis=streams) * repeated / freedom
        larger = [
            part * _levels(table, tuple(axis for axis in streams if axis not in whole))
            for whole, part in found.items()
            if set(of) < set(whole)
        ]
        found[of] = max(0.0, (float(squares.mean()) - sum(larger)) / repeated)
    return found


def _effect(table: Table, of: Axes, over: Axes | None = None) -> Table:
    """What these axes do together and no fewer of them do; averaged over the others (or `over`)."""
    averaged = tuple(a for a in range(table.ndim) if a not in of) if over is None else over
    effect = table.mean(axis=averaged, keepdims=True) if averaged else table
    for axis in of:
        effect = effect - effect.mean(axis=axis, keepdims=True)
    return effect


def _levels(table: Table, axes: Axes) -> int:
    return math.prod(table.shape[axis] for axis in axes)


def _subsets(axes: Axes) -> Iterator[Axes]:
    """All but the empty one."""
    for size in range(1, len(axes) + 1):
        yield from itertools.combinations(axes, size)


def _gathered(parts: Mapping[Axes, float]) -> dict[Axes, float]:
    """Those of three axes and more as one."""
    made: dict[Axes, float] = {}
    for of, part in parts.items():
        kept = of if len(of) < 3 else ()
        made[kept] = made.get(kept, 0.0) + part
    return made
