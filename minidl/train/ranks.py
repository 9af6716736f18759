"""Metrics that need all outputs of a part at once, since what counts is their order.

Equal to scikit-learn's functions. NaN where there is nothing to rank: a class that all or none of
the samples have.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def roc_auc(positive: Array, scores: Array) -> float:
    """Area under the ROC curve: how often a positive scores higher than a negative, ties by half.

    positive: bool (N,); scores (N,).
    """
    negatives, positives = np.sort(scores[~positive]), scores[positive]
    if not (negatives.size and positives.size):
        return math.nan
    below = np.searchsorted(negatives, positives, "left").sum()
    not_above = np.searchsorted(negatives, positives, "right").sum()
    return float((int(below) + int(not_above)) / (2 * negatives.size * positives.size))


def average_precision(positive: Array, scores: Array) -> float:
    """Σ (Rᵢ − Rᵢ₋₁) Pᵢ, with precision P and recall R at each threshold; 0 without positives.

    positive: bool (N,); scores (N,).
    """
    count = int(positive.sum())
    if not count:
        return 0.0
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)  # of equal scores
    hits = np.cumsum(positive[order])[ends]
    return float((np.diff(hits, prepend=0) * (hits / (ends + 1))).sum() / count)


def of_classes(measure: Any, scores: Array, labels: Array) -> float:
    """Of two classes that of the second, of more the mean of each against the rest.

    measure: one of the functions above; scores (N, classes); labels (N,).
    """
    classes = scores.shape[1]
    chosen = (1,) if classes == 2 else range(classes)
    return float(np.mean([measure(labels == c, scores[:, c]) for c in chosen]))


def median_error(values: Array, outputs: Array, scale: Array) -> float:
    """The median of |error| · scale, averaged over outputs; values and outputs (N, outputs)."""
    return float((np.median(np.abs(outputs - values), axis=0) * scale).mean())
