"""An activation as a function of one number: what is drawn of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from minidl.build.options import make


def function_of(activation: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and slopes of a spec's activation at x (N,): a forward pass, then ones backward."""
    module = make(activation)
    points = torch.from_numpy(x)[:, None].clone()
    value = module.forward(points).clone()
    slope = module.backward(torch.ones_like(points)).clone()
    return value.numpy()[:, 0], slope.numpy()[:, 0]
