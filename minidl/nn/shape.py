"""Layers that rearrange."""

from __future__ import annotations

import math

from torch import Tensor

from minidl.nn.module import Module


class Flatten(Module):
    """Each sample as one row: (..., N, a, b, ...) → (..., N, a·b·…); backward is the way back."""

    prefix = "flatten"
    reads_input = False
    reads_output = False
    returns_view = True

    def forward(self, x: Tensor) -> Tensor:
        self.shape = x.shape
        first = 1 if self.networks is None else 2
        if x.dim() > first + 1 and not x.is_contiguous():  # channels last: rows are (C, H, W)
            x = self.buffer("y", x.shape, x).copy_(x)
        return x.flatten(first)

    def backward(self, grad_output: Tensor) -> Tensor:
        return grad_output.view(self.shape)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (math.prod(input_shape),)
