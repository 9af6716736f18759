"""Pooling: one number for every window of every channel."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from minidl.nn.images import ImageModule, channels_first, channels_last, without
from minidl.nn.windows import Size, Windows, pair, short


class _Pool2d(ImageModule):
    """A function of each window: `kernel_size`, `stride` (default: the kernel size), `padding`."""

    prefix = "pool"
    reads_input = False  # the padded copy is read; without padding MaxPool2d reads x itself
    reads_output = False
    outside = 0.0

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
    ) -> None:
        super().__init__()
        kernel = pair("kernel_size", kernel_size, 1)
        self.padding = pair("padding", padding, 0)
        if any(2 * p > k for p, k in zip(self.padding, kernel, strict=True)):
            raise ValueError(
                f"padding must be at most half the kernel size {short(kernel)}, but got {padding}"
            )
        p0, p1 = self.padding
        self.windows = Windows(
            kernel,
            kernel if stride is None else pair("stride", stride, 1),
            ((p0, p0), (p1, p1)),
            pair("dilation", dilation, 1),
        )

    def taps(self, padded: Tensor, y: Tensor) -> list[Tensor]:
        """For each place (k, l) in the window, the pixels there: views of y's shape."""
        windows = self.windows.over(padded, (y.shape[-3], y.shape[-2]))
        k0, k1 = self.windows.kernel_size
        return [windows[..., k, j, :] for k in range(k0) for j in range(k1)]

    def image_shape(self, channels: int, height: int, width: int) -> tuple[int, ...]:
        return (channels, *self.windows.count(height, width))

    def __repr__(self) -> str:
        kernel = self.windows.kernel_size
        options = self.windows.options(self.padding, default_stride=kernel)
        return f"{type(self).__name__}({short(kernel)}{options})"


class MaxPool2d(_Pool2d):
    """y[c, i, j] = max over the window (i, j) of x[c]        dx = dy at the maximum, 0 elsewhere.

    Of several equal maxima the first, row by row, gets the gradient, as in PyTorch. Pixels outside
    the image count as −∞. Shapes: x (..., N, C, H, W), y (..., N, C, H', W') with
    H' = ⌊(H + 2 P₀ − D₀ (K₀ − 1) − 1) / S₀⌋ + 1.
    """

    reads_input = True
    reads_output = True

    def forward(self, x: Tensor) -> Tensor:
        channels, *size = self.output_size(x)
        self.image = self.padded("image", x, self.windows.padding, fill=-math.inf)
        self.y = self.buffer("y", (*x.shape[:-3], *size, channels), x)
        first, *others = self.taps(self.image, self.y)
        self.y.copy_(first)
        for tap in others:
            torch.maximum(self.y, tap, out=self.y)
        return channels_first(self.y)

    def backward(self, grad_output: Tensor) -> Tensor:
        left = self.scratch("left", self.y).copy_(channels_last(grad_output))
        here = self.scratch("here", self.y)
        grad_image = self.scratch("grad_image", self.image).zero_()
        for tap, grad in zip(
            self.taps(self.image, self.y), self.taps(grad_image, self.y), strict=True
        ):
            torch.eq(tap, self.y, out=here).mul_(left)  # what is left of dy, where the maximum is
            grad.add_(here)
            left.sub_(here)
        return channels_first(without(grad_image, self.windows.padding))


class AvgPool2d(_Pool2d):
    """y[c, i, j] = mean over the window (i, j) of x[c]        dx = Σ over its windows dy / (K₀ K₁)

    Pixels outside the image count as 0, and in the mean's K₀ K₁. Shapes: x (..., N, C, H, W),
    y (..., N, C, H', W') with H' = ⌊(H + 2 P₀ − K₀) / S₀⌋ + 1.
    """

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__(kernel_size, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        channels, *size = self.output_size(x)
        self.image = self.padded("image", x, self.windows.padding)
        y = self.buffer("y", (*x.shape[:-3], *size, channels), x)
        first, *others = self.taps(self.image, y)
        y.copy_(first)
        for tap in others:
            y.add_(tap)
        return channels_first(y.mul_(self.share(y)))

    def backward(self, grad_output: Tensor) -> Tensor:
        dy = channels_last(grad_output)
        share = torch.mul(dy, self.share(dy), out=self.buffer("share", dy.shape, dy))
        grad_image = self.scratch("grad_image", self.image).zero_()
        for grad in self.taps(grad_image, share):
            grad.add_(share)
        return channels_first(without(grad_image, self.windows.padding))

    def share(self, like: Tensor) -> Tensor:
        """1 / (K₀ K₁)"""
        return self.constant(1 / math.prod(self.windows.kernel_size), like)


class GlobalAvgPool2d(ImageModule):
    """y[c] = mean of x[c] over all H W pixels        dx[c, i, j] = dy[c] / (H W)

    Shapes: x (..., N, C, H, W), y (..., N, C): ready for a Linear.
    """

    prefix = "pool"
    reads_input = False
    reads_output = False

    def forward(self, x: Tensor) -> Tensor:
        (channels,) = self.output_size(x)
        self.image = x
        y = self.buffer("y", (*x.shape[:-3], channels), x)
        return torch.sum(x, (-2, -1), out=y).mul_(self.constant(self.share, y))

    def backward(self, grad_output: Tensor) -> Tensor:
        dy = grad_output[..., None, None].expand(self.image.shape)
        share = self.constant(self.share, grad_output)
        return torch.mul(dy, share, out=self.scratch("grad_input", self.image))

    @property
    def share(self) -> float:
        """1 / (H W)"""
        return 1 / math.prod(self.image.shape[-2:])

    def image_shape(self, channels: int, height: int, width: int) -> tuple[int, ...]:
        return (channels,)
