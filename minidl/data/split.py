"""Which rows train the network, and which test it."""

from __future__ import annotations

import heapq

import numpy as np

from minidl.data.dataset import Integers
from minidl.errors import DataError


def split_rows(
    count: int,
    test_fraction: float,
    rng: np.random.Generator,
    *,
    labels: Integers | None = None,
    file: str = "data",
) -> tuple[Integers, Integers]:
    """Draws round(test_fraction · count) test rows, at least one; the others train.

    labels: int64 (count,), the class of each row. With them each class gives its share of test
        rows, and keeps at least one row for training: a class never seen can't be learned.
    Returns row numbers in ascending order, (train, test).
    Raises DataError when one part would be empty.
    """
    groups = np.zeros(count, dtype=np.int64) if labels is None else labels
    sizes = np.bincount(groups)
    wanted = min(max(round(test_fraction * count), 1), count)
    quotas = _share(sizes, wanted)
    if quotas.sum() == 0:
        raise DataError(
            f"{file}: {count} {'row' if count == 1 else 'rows'} can't be split: the test part needs"
            " a row besides one row per class for training; add rows, or name a file in `test_path`"
        )
    order = rng.permutation(count)
    by_group = order[np.argsort(groups[order], kind="stable")]
    place = np.arange(count) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # in its own group
    is_test = np.zeros(count, dtype=bool)
    is_test[by_group[place < np.repeat(quotas, sizes)]] = True
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


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
