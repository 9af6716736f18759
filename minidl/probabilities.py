"""Which outputs of a network are probabilities: its loss says so, never their values."""

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
