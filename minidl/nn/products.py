"""Matrix products for one network and for a stack, written into given memory.

One network's matrices have two dimensions, those of a stack three, (T, rows, columns); torch has a
call of its own for each, and these are the faster ones of every pair, measured.

The activations of a stack, (T, N, features), lie feature-major where that pays off: each feature's
N samples together. The products of many small matrices are then a quarter faster, and those with
few columns (two inputs, one output) up to five times; Aᵀ is a view, so (a b)ᵀ = bᵀ aᵀ is all there
is to write.
"""

from __future__ import annotations

import torch
from torch import Tensor

from minidl.nn.memory import FEATURE_MAJOR, memory_order

# MKL works on that many samples at once; smaller batches are up to three times slower so.
FEATURE_MAJOR_FROM = 16


def product(a: Tensor, b: Tensor, *, out: Tensor) -> Tensor:
    """out = a b"""
    if a.dim() == 2:
        return torch.mm(a, b, out=out)
    if a.shape[-1] == 1:
        return torch.mul(a, b, out=out)  # an outer product
    if memory_order(out) == FEATURE_MAJOR:
        return torch.bmm(b.mT, a.mT, out=out.mT).mT
    return torch.bmm(a, b, out=out)


def add_product(out: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """out ← out + a b"""
    if a.dim() == 2:
        return out.addmm_(a, b)
    if a.shape[-1] == 1:
        return out.addcmul_(a, b)  # an outer product
    return out.baddbmm_(a, b)


def prefers_feature_major(x: Tensor) -> bool:
    """Whether a layer that gets a stack's x (T, N, features) should compute feature-major."""
    return x.dim() == 3 and x.shape[1] >= FEATURE_MAJOR_FROM and x.device.type == "cpu"


def affine(x: Tensor, weight: Tensor, bias: Tensor, *, out: Tensor) -> Tensor:
    """out = x Wᵀ + b, the bias added to every row."""
    rows = bias.unsqueeze(-2).expand_as(out)
    if x.dim() == 2:
        return torch.addmm(rows, x, weight.mT, out=out)
    if memory_order(out) == FEATURE_MAJOR:
        return torch.baddbmm(rows.mT, weight, x.mT, out=out.mT).mT
    return torch.baddbmm(rows, x, weight.mT, out=out)


def add_column_sums(out: Tensor, rows: Tensor, ones: Tensor, sums: Tensor) -> Tensor:
    """out ← out + Σₙ rows[n]; `ones` has N entries, `sums` is memory of out's shape."""
    if rows.dim() == 2:
        return out.addmv_(rows.mT, ones)
    if rows.shape[-2] == 1:
        return out.add_(rows.squeeze(-2))
    return out.add_(torch.sum(rows, -2, out=sums))


def row_dots(a: Tensor, b: Tensor, scale: float, *, out: Tensor) -> Tensor:
    """out[i] = scale · Σⱼ a[i, j] b[i, j], for (rows, n) matrices."""
    column = out.view(-1, 1, 1)
    torch.baddbmm(column, a.unsqueeze(1), b.unsqueeze(2), beta=0, alpha=scale, out=column)
    return out
