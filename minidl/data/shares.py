"""A share of rows drawn at random, class by class."""

from __future__ import annotations

import heapq

import numpy as np

from minidl.data.dataset import Integers
from minidl.errors import DataError

WORDS = {"train": "training", "val": "validation", "test": "test"}


def split_rows(
    count: int,
    fraction: float,
    rng: np.random.Generator,
    *,
    labels: Integers | None = None,
    file: str = "data",
    part: str = "test",
) -> tuple[Integers, Integers]:
    """Draws round(fraction · count) rows for a part, at least one; the others are left.

    labels: int64 (count,), the class of each row. With them each class gives its share of rows,
        and keeps at least one: a class never seen can't be learned. Of a validation part (val)
        each gets one, too, as far as it has two and the part has room.
    Returns row numbers in ascending order, (others, drawn).
    Raises DataError when one of the two would be empty.
    """
    groups = np.zeros(count, dtype=np.int64) if labels is None else labels
    sizes = np.bincount(groups)
    wanted = min(max(round(fraction * count), 1), count)
    quotas = _share(sizes, wanted)
    if quotas.sum() == 0:
        option = f"{WORDS[part]}_path"
        raise DataError(
            f"{file}: {count} {'row' if count == 1 else 'rows'} can't be split: the {WORDS[part]}"
            f" part needs a row besides one row per class for training; add rows, or name a file in"
            f" `{option}`"
        )
    if part == "val":
        quotas = _one_each(quotas, sizes)
    order = rng.permutation(count)
    by_group = order[np.argsort(groups[order], kind="stable")]
    place = np.arange(count) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # in its own group
    drawn = np.zeros(count, dtype=bool)
    drawn[by_group[place < np.repeat(quotas, sizes)]] = True
    return np.flatnonzero(~drawn), np.flatnonzero(drawn)


def _share(sizes: Integers, wanted: int) -> Integers:
    """Spreads `wanted` over groups in proportion to their sizes (largest remainder first).

    A group never gives its last row, so the sum may stay below `wanted`.
    """
    exact = wanted * sizes / max(sizes.sum(), 1)
    limits = np.maximum(sizes - 1, 0)
    quotas: Integers = np.minimum(np.floor(exact).astype(np.int64), limits)
    left = min(wanted, int(limits.sum())) - int(quotas.sum())
    waiting = [(quotas[group] - exact[group], group) for group in np.flatnonzero(quotas < limits)]
    heapq.heapify(waiting)
    for _ in range(left):
        _, group = heapq.heappop(waiting)
        quotas[group] += 1
        if quotas[group] < limits[group]:
            heapq.heappush(waiting, (quotas[group] - exact[group], group))
    return quotas


def _one_each(quotas: Integers, sizes: Integers) -> Integers:
    """Gives groups that got none one, from those that got most."""
    quotas = quotas.copy()
    for group in np.flatnonzero((quotas == 0) & (sizes > 1)):
        most = int(quotas.argmax())
        if quotas[most] < 2:
            break
        quotas[most] -= 1
        quotas[group] = 1
    return quotas
