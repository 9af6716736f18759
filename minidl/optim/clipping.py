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


def not_finite(flat: Flat) -> Tensor:
    """0 for each network whose gradient holds numbers alone, else NaN: (T,), one for one network.

    Clamped, an infinite gradient looks like any other: whoever clamps asks first.
    """
    zeros = torch.mul(flat.grad, 0.0, out=flat.buffer("no_gradient", flat.grad.shape, flat.grad))
    blocks = flat.blocks(zeros)
    sums = flat.buffer("no_gradients", (len(blocks), flat.networks or 1), flat.grad)
    for block, total in zip(blocks, sums, strict=True):
        torch.sum(block, 1, out=total)
    return torch.sum(sums, 0, out=flat.buffer("not_finite", sums.shape[1:], flat.grad))


def clip_value(flat: Flat, max_value: float) -> None:
    """Every entry of g into [−max_value, max_value]. As torch.nn.utils.clip_grad_value_."""
    flat.grad.clamp_(-max_value, max_value)
