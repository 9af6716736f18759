"""How far off rounding may leave a gradient: measured by how far changed last bits move it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor
from torch.autograd.graph import saved_tensors_hooks

from minidl.verify.differences import Pattern, same

LAST_BITS = 4e-16  # of a float64, relative to it
TRIALS = 3
# How many times as far as in these trials it may be off: those round in each operation.
TIMES = 10


def rounding(
    gradients: Callable[[], Sequence[Tensor]],
    linear: Sequence[Tensor],
    others: Sequence[Tensor],
    pattern: Callable[[], Pattern],
    generator: Generator,
) -> list[float]:
    """For each of `gradients`, computed from these tensors, how far off rounding may leave it.

    That is far where almost all of it cancels: in the normalisation of two numbers, in 1 − y² where
    tanh is saturated. So the last bits of what PyTorch saves for its backward change, too. One in
    the `others`, which the gradients aren't linear in, may also step over a kink; then those stay
    as they are.
    """
    right, here = gradients(), pattern()
    most = [0.0] * len(right)
    for _ in range(TRIALS):
        before = [x.clone() for x in others]
        _change_last_bits(others, generator)
        if not same(pattern(), here):
            _restore(others, before)
        before_linear = [x.clone() for x in linear]
        _change_last_bits(linear, generator)
        with saved_tensors_hooks(_keep, lambda x: _with_other_last_bits(x, generator)):
            moved = gradients()
        for number, (one, gradient) in enumerate(zip(moved, right, strict=True)):
            most[number] = max(most[number], float((one - gradient).abs().max()))
        _restore(others, before)
        _restore(linear, before_linear)
    return [TIMES * one for one in most]


def _change_last_bits(tensors: Sequence[Tensor], generator: Generator) -> None:
    for x in tensors:
        x.copy_(_with_other_last_bits(x, generator))


def _with_other_last_bits(x: Tensor, generator: Generator) -> Tensor:
    if not x.is_floating_point():  # the indices that pooling saves
        return x
    signs = torch.randn(x.shape, generator=generator, dtype=x.dtype).sign()
    return x * (1 + LAST_BITS * signs)


def _keep(x: Tensor) -> Tensor:
    return x


def _restore(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for x, value in zip(tensors, values, strict=True):
        x.copy_(value)
