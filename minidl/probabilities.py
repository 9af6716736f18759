"""Which outputs of a network are probabilities: its loss says so, never their values.

Where there are none, how far they go in one direction or the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def probabilities(output: Array, loss: str) -> Array | None:
    """That of each class (…, classes), of outputs (…, outputs); None where they are none.

    cross_entropy trains logits for a softmax, bce_with_logits one for a sigmoid, and bce the
    probability of class 1. mse draws outputs to 0 and 1, but doesn't make them probabilities.
    """
    if loss == "cross_entropy":
        powers = np.exp(output - output.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
    if loss == "bce_with_logits":
        output = 0.5 * (1 + np.tanh(0.5 * output))  # a sigmoid without overflow
    elif loss != "bce":
        return None
    return np.concatenate([1 - output, output], axis=-1)


def shares(
    output: Array, loss: str, form: str, threshold: float, reach: tuple[float, float]
) -> Array:
    """Outputs (N, O) as a map colours them, (N, K), from 0 to 1.

    The share of class 1 of two, or that of each class; a regression's first value in `reach`, the
    range of its targets. form and threshold: those of the targets' Encoding.
    """
    if form == "values":
        low, high = reach
        found = (output[:, :1] - low) / ((high - low) or 1)
    elif (likely := probabilities(output, loss)) is not None:
        found = likely[:, 1:] if likely.shape[1] == 2 else likely
    elif form == "column":
        found = output - threshold + 0.5
    else:
        found = output[:, 1:] - output[:, :1] + 0.5 if output.shape[1] == 2 else output
    return np.asarray(np.clip(found, 0, 1))
