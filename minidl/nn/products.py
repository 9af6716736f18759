"""Matrix products for one network and for a stack, written into given memory.

One network's matrices have two dimensions, those of a stack three, (T, rows, columns); torch has a
call of its own for each, and these are the faster ones of every pair, measured.
"""

from __future__ import annotations

import torch
from torch import Tensor


def product(a: Tensor, b: Tensor, *, out: Tensor) -> Tensor:
    """out = a b"""
    return torch.mm(a, b, out=out) if a.dim() == 2 else torch.bmm(a, b, out=out)


def add_product(out: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """out ← out + a b"""
    return out.addmm_(a, b) if a.dim() == 2 else out.baddbmm_(a, b)


def affine(x: Tensor, weight: Tensor, bias: Tensor, *, out: Tensor) -> Tensor:
    """out = x Wᵀ + b, the bias added to every row."""
    rows = bias.unsqueeze(-2).expand_as(out)
    if x.dim() == 2:
        return torch.addmm(rows, x, weight.mT, out=out)
    return torch.baddbmm(rows, x, weight.mT, out=out)


def add_column_sums(out: Tensor, rows: Tensor, ones: Tensor, sums: Tensor) -> Tensor:
    """out ← out + Σₙ rows[n]; `ones` has N entries, `sums` is memory of out's shape."""
    if rows.dim() == 2:
        return out.addmv_(rows.mT, ones)
    return out.add_(torch.sum(rows, -2, out=sums))


def row_dots(a: Tensor, b: Tensor, scale: float, *, out: Tensor) -> Tensor:
    """out[i] = scale · Σⱼ a[i, j] b[i, j], for (rows, n) matrices."""
    column = out.view(-1, 1, 1)
    torch.baddbmm(column, a.unsqueeze(1), b.unsqueeze(2), beta=0, alpha=scale, out=column)
    return out
