"""Calls that steps may make, and operands for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import torch
from torch import Tensor

INFINITE, NAN = math.inf, math.nan


SPECIAL = (0.0, -0.0, 1.0, -1.0, INFINITE, -INFINITE, NAN, 1e-3, -2.5, 30.0, -30.0, 0.5)


Calls = Callable[..., dict[str, Tensor]]


def values(draw: Random, shape: Sequence[int], dtype: torch.dtype, special: bool = True) -> Tensor:
    count = math.prod(shape)
    some = SPECIAL if special else (0.5,)
    drawn = [draw.choice(some) if draw.random() < 0.3 else draw.gauss(0, 2) for _ in range(count)]
    return torch.tensor(drawn, dtype=dtype).reshape(tuple(shape))


def unary(x: Tensor) -> dict[str, Tensor]:
    positive = x.abs()
    return {
        "neg": -x,
        "abs": positive,
        "sign": x.sign(),
        "sqrt": positive.sqrt(),
        "rsqrt": x.rsqrt(),
        "reciprocal": x.reciprocal(),
        "exp": x.exp(),
        "expm1": x.expm1(),
        "log": x.log(),
        "log1p": x.log1p(),
        "tanh": x.tanh(),
        "sigmoid": x.sigmoid(),
        "erf": x.erf(),
        "square": x.square(),
        "squared": x**2,
        "cubed": x**3,
        "to the -1": x**-1,
        "root": positive**0.5,
        "clamped": x.clamp(-0.75, 1.25),
        "not below": x.clamp(min=0),
        "not above": x.clamp(max=-0.5),
        "relu": x.clamp_min(0),
        "no more": x.clamp_max(1),
        "times": 3 * x,
        "less": 2.5 - x,
        "more": x + 1,
        "ratio": 1 / x,
        "divided": x / 3,
        "clone": x.clone(),
        "zeros": torch.zeros_like(x),
        "ones": torch.ones_like(x),
        "full": torch.full_like(x, -INFINITE),
        "new": x.new_full(x.shape, NAN),
        "where": torch.where(x > 0, x, -1.0),
        "not": x.logical_not().to(x.dtype),
    }


def reductions(dims: Any, keepdim: bool) -> Callable[[Tensor], dict[str, Tensor]]:
    def calls(x: Tensor) -> dict[str, Tensor]:
        above = x > 0.25
        return {
            "sum": x.sum(dims, keepdim=keepdim),
            "mean": x.mean(dims, keepdim=keepdim),
            "amax": x.amax(dims, keepdim=keepdim),
            "amin": x.amin(dims, keepdim=keepdim),
            "any": above.any(dims, keepdim=keepdim).to(x.dtype),
            "all": above.all(dims, keepdim=keepdim).to(x.dtype),
            "of squares": (x * x).sum(dims, keepdim=keepdim).sqrt(),
            "shifted": (x - x.sum(dims, keepdim=True)) * 2,
            "count": above.to(x.dtype).sum(dims, keepdim=keepdim),
        }

    return calls


def product(
    draw: Random, rows: int, terms: int, columns: int, dtype: torch.dtype
) -> tuple[Calls, list[Tensor]]:
    """mm, addmm, mv, bmm and baddbmm, with what follows them, of matrices that lie in some way."""

    def matrix(n: int, m: int) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        lying = draw.choice(["rows", "columns", "stride", "repeated"])
        if lying == "rows":
            return values(draw, (n, m), dtype, False), lambda x: x
        if lying == "columns":
            return values(draw, (m, n), dtype, False), lambda x: x.T
        if lying == "stride":
            return values(draw, (n, 2 * m), dtype, False), lambda x: x[:, ::2]
        return values(draw, (m,), dtype, False), lambda x: x.expand(n, m)

    a, left = matrix(rows, terms)
    b, right = matrix(terms, columns)
    bias, start = (
        values(draw, (columns,), dtype, False),
        values(draw, (columns, rows), dtype, False),
    )
    inside = draw.random() < 0.5

    def calls(a: Tensor, b: Tensor, bias: Tensor, start: Tensor) -> dict[str, Tensor]:
        x, w = left(a), right(b)
        batches = x.reshape(1, rows, terms).expand(2, rows, terms)
        onto = start.T.contiguous() if inside else start.clone().T
        onto.addmm_(x, w)
        return {
            "mm": x @ w,
            "activated": (x @ w + bias).clamp(min=0) * 2,
            "addmm": torch.addmm(bias, x, w),
            "onto all": torch.addmm(start.T, x, w),
            "in place": onto * 1,
            "mv": x @ w[:, 0],
            "bmm": torch.bmm(batches, w.expand(2, terms, columns)),
            "baddbmm": torch.baddbmm(bias, batches, w.expand(2, terms, columns)),
            "columns": (x @ w).sum(0),
            "rows": (x @ w).T.sum(0),
            "transposed": (w.T @ x.T).T - 1,
            "dot": (x[0] @ w[:, 0]).reshape(1),
        }

    return calls, [a, b, bias, start]
