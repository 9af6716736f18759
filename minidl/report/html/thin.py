"""Curves of a run as a screen shows them: fewer epochs, fewer digits."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

DIGITS = 4  # significant ones of a point that is drawn
_EXACT = 22  # powers of ten up to this one are floats
FIRST = 8  # epochs that are kept whatever happens in them, for axes by decades


def kept_epochs(values: np.ndarray, most: int) -> np.ndarray:
    """Which epochs of `values` (metrics, epochs) to draw: `most` of them, with both ends.

    Of each stretch the one where the metrics are farthest from their neighbours, so that a loss
    that leaps once is seen.
    """
    count = values.shape[1]
    if count <= most:
        return np.arange(count)
    inner = np.arange(FIRST, count - 1)
    stretch = (np.arange(inner.size) * (most - FIRST - 1)) // inner.size
    order = np.lexsort((-_unrest(values)[inner], stretch))
    first = np.searchsorted(stretch, np.unique(stretch))
    return np.concatenate([np.arange(FIRST), np.sort(inner[order[first]]), [count - 1]])


def _unrest(values: np.ndarray) -> np.ndarray:
    """How far the metrics of each epoch are from the mean of its neighbours, by their ranges."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # a metric may have no value at all
        known = np.where(np.isfinite(values), values, np.nan)
        low, high = np.nanmin(known, axis=1), np.nanmax(known, axis=1)
        scaled = (known - low[:, None]) / np.where(high > low, high - low, 1.0)[:, None]
    beside = np.pad(scaled, ((0, 0), (1, 1)), mode="edge")
    apart = np.abs(scaled - (beside[:, 2:] + beside[:, :-2]) / 2)
    return np.asarray(np.nansum(apart, axis=0))


def rounded(values: np.ndarray, digits: int = DIGITS) -> list[Any]:
    """To so many significant digits, as JSON has them: None for NaN and infinities."""
    values = np.asarray(values, dtype=float)
    known = np.isfinite(values)
    size = np.abs(np.where(known & (values != 0), values, 1.0))
    places = digits - 1 - np.floor(np.log10(size)).astype(int)
    # Whole numbers by powers of ten: both are exact, so their quotient is the decimal's own float.
    exact = np.abs(places) <= _EXACT
    places = np.where(exact, places, 0)
    up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)
    made = np.rint(np.where(known & exact, values, 0.0) * up / down) / up * down
    for far in np.flatnonzero(known & ~exact):
        made[far] = float(f"{values[far]:.{digits}g}")
    return [
        (int(one) if one.is_integer() and abs(one) < 1e15 else one) if good else None
        for one, good in zip(made.tolist(), known.tolist(), strict=True)
    ]
