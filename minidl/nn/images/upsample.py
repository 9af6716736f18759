"""Upsampling: larger images from smaller ones."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor

from minidl.nn.images.module import ImageModule
from minidl.nn.images.windows import Size, pair
from minidl.nn.shape import times


class Upsample(ImageModule):
    """Each output pixel is an input pixel (nearest) or a mean of the four around it (bilinear).

    y[c] = A x[c] Bᵀ        dx[c] = Aᵀ dy[c] B

    A (H', H) interpolates along the columns and B (W', W) along the rows:
        nearest:  A[i, p] = 1[p ≤ s < p + 1],       s = i H/H'
        bilinear: A[i, p] = max(0, 1 − |s − p|),    s = (i + ½) H/H' − ½, moved into the image
    (PyTorch's align_corners=False). Where a nearest factor S is whole, each pixel is repeated, and
    dx is the sum of dy over the S₀ S₁ copies.

    Shapes: x (N, C, H, W), y (N, C, H', W'); `scale_factor` gives H' = ⌊scale H⌋, `size` gives H'
    itself: one number or (vertical, horizontal).
    """

    prefix = "up"

    def __init__(
        self, scale_factor: float | tuple[float, float] | None = None,
        mode: Literal["nearest", "bilinear"] = "nearest", *, size: Size | None = None,
    ) -> None:  # fmt: skip
        if (scale_factor is None) == (size is None):
            raise ValueError("Upsample needs either scale_factor or size")
        if mode not in ("nearest", "bilinear"):
            raise ValueError(f"mode must be nearest or bilinear, but got {mode!r}")
        super().__init__()
        self.mode = mode
        self.size = None if size is None else pair("size", size, 1)
        both = (scale_factor,) * 2 if isinstance(scale_factor, int | float) else scale_factor
        if both is not None and not (len(both) == 2 and all(0 < f < math.inf for f in both)):
            raise ValueError(f"scale_factor must be > 0, one number or two, but got {scale_factor}")
        self.scale_factor = None if both is None else (both[0], both[1])

    def forward(self, x: Tensor) -> Tensor:
        size = self.output_size(x)
        axes = list(zip(x.shape[2:], size, self.scale_factor or (None, None), strict=True))
        n, c, h, w = x.shape
        s0, s1 = (_repeats(*axis) for axis in axes)
        self.copies = (n, c, h, s0, w, s1) if self.mode == "nearest" and s0 and s1 else None
        if self.copies:
            return x[:, :, :, None, :, None].expand(self.copies).flatten(4).flatten(2, 3)
        self.rows, self.columns = (_matrix(self.mode, *axis, x) for axis in axes)
        return self.rows @ (x @ self.columns.T)

    def backward(self, grad_output: Tensor) -> Tensor:
        if self.copies:
            return grad_output.reshape(self.copies).sum((3, 5))
        return self.rows.T @ (grad_output @ self.columns)

    def image_shape(self, channels: int, height: int, width: int) -> tuple[int, ...]:
        if self.size is not None:
            return channels, *self.size
        assert self.scale_factor is not None
        size = [math.floor(n * f) for n, f in zip((height, width), self.scale_factor, strict=True)]
        if min(size) < 1:
            raise ValueError(f"{times(size)} pixels would be left")
        return channels, *size


def _repeats(inputs: int, outputs: int, factor: float | None) -> int:
    """How often each pixel is repeated; 0 if not all equally often, as PyTorch sees it."""
    each, rest = divmod(outputs, inputs)
    rounded_down = factor is not None and outputs != factor * inputs and each > 2
    return 0 if rest or rounded_down else each


def _matrix(mode: str, inputs: int, outputs: int, factor: float | None, like: Tensor) -> Tensor:
    """The matrix A."""
    pixels, rows = torch.arange(inputs).to(like), torch.arange(outputs).to(like)
    step = inputs / outputs if factor is None or inputs == outputs else 1 / factor
    if mode == "bilinear":
        ahead = ((rows + 0.5) * step - 0.5).clamp(0, inputs - 1)[:, None] - pixels
        return (1 - ahead.abs()).clamp(min=0)
    repeats = _repeats(inputs, outputs, factor)
    places = (rows + 0.5) * (1 / repeats) if repeats else rows * _float32(step)
    if like.dtype == torch.float64:  # PyTorch looks for the pixels in float32 all the same
        places = _float32(places)
    ahead = places.clamp(max=inputs - 1)[:, None] - pixels
    return torch.logical_and(ahead >= 0, ahead < 1).to(like.dtype)


def _float32(x: Any) -> Any:
    """x rounded to the 24 bits of float32 (Dekker 1971)."""
    return x * (2**29 + 1) - (x * (2**29 + 1) - x)
