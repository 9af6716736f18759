"""Pooling: one number for every window of every channel."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from minidl.nn.described import short
from minidl.nn.images.module import ImageModule
from minidl.nn.images.windows import Size, Windows, margins, pair


class _Pool2d(ImageModule):
    """A function of each window: `kernel_size`, `stride` (default: the kernel size), `padding`."""

    prefix = "pool"

    def __init__(
        self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel = pair("kernel_size", kernel_size, 1)
        step = kernel if stride is None else pair("stride", stride, 1)
        self.stride = None if step == kernel else step
        self.padding, self.dilation = pair("padding", padding, 0), pair("dilation", dilation, 1)
        if any(2 * p > k for p, k in zip(self.padding, kernel, strict=True)):
            raise ValueError(
                f"padding must be at most half the kernel size {short(kernel)}, but got {padding}"
            )
        around = margins(self.padding, kernel, step, self.dilation)
        self.windows = Windows(kernel, step, around, self.dilation)

    def image_shape(self, channels: int, height: int, width: int) -> tuple[int, ...]:
        return (channels, *self.windows.count(height, width))


class MaxPool2d(_Pool2d):
    """y[c, i, j] = max over the window (i, j) of x[c]        dx = dy at the maximum, 0 elsewhere.

    Of equal maxima the first, row by row, gets the gradient, as in PyTorch. Pixels outside count as
    −∞. Shapes: x (N, C, H, W), y (N, C, ⌊(H + 2 P₀ − D₀ (K₀ − 1) − 1) / S₀⌋ + 1, W').
    """

    def forward(self, x: Tensor) -> Tensor:
        self.size = x.shape[2:]
        windows = self.windows.over(x, self.output_size(x), outside=-math.inf)
        y = windows[..., 0, 0].clone()
        self.tap = torch.zeros_like(y)
        for number in range(1, math.prod(self.kernel_size)):
            there = windows[..., number // self.kernel_size[1], number % self.kernel_size[1]]
            self.tap = torch.maximum(self.tap, number * (there > y).to(y.dtype))  # the last larger
            y = torch.maximum(y, there)
        return y

    def backward(self, grad_output: Tensor) -> Tensor:
        taps = (grad_output * (self.tap == n) for n in range(math.prod(self.kernel_size)))
        return self.windows.sum_of(taps, grad_output, self.size)


class AvgPool2d(_Pool2d):
    """y[c, i, j] = mean over the window (i, j) of x[c]        dx = Σ over its windows dy / (K₀ K₁)

    Pixels outside the image count as 0, and in the mean's K₀ K₁. Shapes as MaxPool2d's, with D = 1.
    """

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__(kernel_size, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        self.size = x.shape[2:]
        return self.windows.over(x, self.output_size(x)).mean((4, 5))

    def backward(self, grad_output: Tensor) -> Tensor:
        taps = math.prod(self.kernel_size)
        share = grad_output * (1 / taps)
        return self.windows.sum_of([share] * taps, share, self.size)


class GlobalAvgPool2d(ImageModule):
    """y[c] = mean of x[c] over all H W pixels        dx[c, i, j] = dy[c] / (H W)

    Shapes: x (N, C, H, W), y (N, C): ready for a Linear.
    """

    prefix = "pool"

    def forward(self, x: Tensor) -> Tensor:
        self.shape = x.shape
        return x.mean((2, 3))

    def backward(self, grad_output: Tensor) -> Tensor:
        share = grad_output * (1 / math.prod(self.shape[2:]))
        return share[:, :, None, None].expand(self.shape)

    def image_shape(self, channels: int, height: int, width: int) -> tuple[int, ...]:
        return (channels,)
