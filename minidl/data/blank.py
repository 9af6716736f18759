"""Data sets of the right shapes without their numbers, which take scikit-learn a second to load."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.data.bundled import TARGETS
from minidl.data.dataset import Dataset, Split
from minidl.data.shares import split_rows

# Of scikit-learn's tables: how many columns there are, and how many rows of each class.
_TABLES: dict[str, tuple[int, tuple[int, ...]]] = {
    "iris": (4, (50, 50, 50)),
    "wine": (13, (59, 71, 48)),
    "breast_cancer": (30, (212, 357)),
    "digits": (64, (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)),
    "diabetes": (10, (442,)),
}


def blank_dataset(spec: Any) -> Dataset | None:
    """What `load_dataset` gives, all numbers 0; None for data that is drawn or read at once."""
    if spec.type == "photo_patches":
        size = (1 if spec.gray else 3, spec.size, spec.size)
        train, test = (np.zeros((count, *size), np.float32) for count in (spec.train, spec.test))
        parts = Split(train, train), Split(test, test)
        return Dataset(*parts, "images", feature_names=("noisy",), target_names=("clean",))
    if spec.type not in _TABLES:
        return None
    columns, counts = _TABLES[spec.type]
    labels = np.repeat(np.arange(len(counts)), counts)
    is_regression = len(counts) == 1
    rows = split_rows(
        len(labels),
        spec.test_fraction or 1 / spec.folds,
        np.random.default_rng(0),
        labels=None if is_regression else labels,
        file=spec.type,
    )
    images = getattr(spec, "images", False)
    shape: tuple[int, ...] = (1, 8, 8) if images else (columns,)
    targets = np.zeros((len(labels), 1)) if is_regression else labels
    every_row = Split(np.zeros((len(labels), *shape)), targets)
    return Dataset(
        every_row.take(rows[0]),
        every_row.take(rows[1]),
        "regression" if is_regression else "classification",
        feature_names=() if images else tuple(map(str, range(columns))),
        class_names=() if is_regression else tuple(map(str, range(len(counts)))),
        target_names=(TARGETS[spec.type],),
    )
