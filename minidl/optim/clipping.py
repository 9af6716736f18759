"""Gradient clipping, each network of a stack by itself."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl.nn.parameter import Flat


def clip_norm(flat: Flat, max_norm: float) -> Tensor:
    """g ← g · min(1, max_norm / (‖g‖ + 1e-6)), the norm over all of a network's gradients.

    Returns the norms before clipping, () or (T,). As torch.nn.utils.clip_grad_norm_.
    (Pascanu et al. 2013)
    """
    norms = flat.norms()
    factors = torch.add(norms, 1e-6, out=flat.buffer("clip_factors", norms.shape, norms))
    factors.reciprocal_().mul_(max_norm).clamp_max_(1.0)
    for block in flat.blocks(flat.grad):
        block.mul_(factors.view(-1, 1))
    return norms


def clip_value(flat: Flat, max_value: float) -> None:
    """Every entry of g into [−max_value, max_value]. As torch.nn.utils.clip_grad_value_."""
    flat.grad.clamp_(-max_value, max_value)
