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
    first_two = np.sort(output, axis=-1)[..., -2:]
    second, first = first_two[..., :1], first_two[..., 1:]
    return output - np.where(output == first, second, first)


def probabilities(output: np.ndarray, decision: Mapping[str, Any]) -> np.ndarray | None:
    """Outputs (…, O) as probabilities, or None where they are none.

    Logits (`decision["logits"]`; a threshold at 0 says so too) go through sigmoid or softmax;
    other outputs are probabilities when they lie in [0, 1] and sum to 1.
    """
    threshold = decision["kind"] == "threshold"
    if decision.get("logits", threshold and decision["at"] == 0):
        if threshold:
            return np.asarray(0.5 * (1 + np.tanh(0.5 * output)))  # sigmoid without overflow
        powers = np.exp(output - output.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
    within = bool(np.all((output >= 0) & (output <= 1)))
    if within and (threshold or np.allclose(output.sum(axis=-1), 1, atol=1e-3)):
        return output
    return None
