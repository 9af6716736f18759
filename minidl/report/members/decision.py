"""From what a network puts out to the class it decides for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def class_of(output: np.ndarray, decision: Mapping[str, Any]) -> np.ndarray:
    """The class indices (…) of outputs (…, O).

    `decision` is {"kind": "argmax"}, or {"kind": "threshold", "at": 0.5} for one output: class 1
    from there on. Not a number decides for class 0.
    """
    if decision["kind"] == "threshold":
        return np.asarray(output[..., 0] >= decision["at"], dtype=np.int64)
    return np.asarray(np.nan_to_num(output, nan=-np.inf).argmax(axis=-1))


def margins(output: np.ndarray, decision: Mapping[str, Any]) -> np.ndarray:
    """How far ahead each class is, (…, classes): positive where decided for, 0 on a boundary."""
    if decision["kind"] == "threshold":
        ahead = output[..., 0] - decision["at"]
        return np.stack([-ahead, ahead], axis=-1)
    first_two = np.partition(output, -2, axis=-1)[..., -2:]
    second, first = first_two[..., :1], first_two[..., 1:]
    return output - np.where(output == first, second, first)


def counts(target: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(classes, classes): how many points of class i (row) were taken for class j (column)."""
    table = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(table, (target, predicted), 1)
    return table
