"""Windows that slide over images; a place (k, l) in a window is called a tap."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from minidl.nn.described import short
from minidl.nn.shape import times

Pair = tuple[int, int]  # vertical, horizontal
Size = int | Pair  # one number for both axes, or two
Padding = Size | Literal["same"]
Margins = tuple[Pair, Pair]  # what is added before and behind, vertically and horizontally


@dataclass(frozen=True)
class Windows:
    """Window (i, j) covers the pixels (S₀ i + D₀ k − P₀, S₁ j + D₁ l − P₁), 0 ≤ k < K₀, 0 ≤ l < K₁.

    Kernel size K, stride S, dilation D, padding P; see Dumoulin & Visin 2016.
    """

    kernel_size: Pair
    stride: Pair = (1, 1)
    padding: Margins = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)

    @property
    def span(self) -> Pair:
        """How many pixels a window reaches over, D (K − 1) + 1."""
        (k0, k1), (d0, d1) = self.kernel_size, self.dilation
        return d0 * (k0 - 1) + 1, d1 * (k1 - 1) + 1

    def count(self, height: int, width: int) -> Pair:
        """How many fit, ⌊(H + 2P − D (K − 1) − 1) / S⌋ + 1. Raises ValueError where none does."""
        (s0, s1), span = self.stride, self.span
        padded = height + sum(self.padding[0]), width + sum(self.padding[1])
        if padded[0] < span[0] or padded[1] < span[1]:
            dilated = " (dilated)" if self.dilation != (1, 1) else ""
            padding = ", padding included" if any(map(any, self.padding)) else ""
            kernel, image = f"{times(span)} kernel{dilated}", f"{times(padded)} input{padding}"
            raise ValueError(f"its {kernel} is larger than the {image}")
        return (padded[0] - span[0]) // s0 + 1, (padded[1] - span[1]) // s1 + 1

    def over(self, images: Tensor, count: Sequence[int], outside: float = 0.0) -> Tensor:
        """The first windows, (N, C, H, W) → (N, C, *count, K₀, K₁), a view of the padded images."""
        rows = framed(images, self.padding, outside).unfold(2, self.span[0], self.stride[0])
        windows = rows.unfold(3, self.span[1], self.stride[1])
        return windows[:, :, : count[0], : count[1], :: self.dilation[0], :: self.dilation[1]]

    def columns(self, images: Tensor, count: Sequence[int]) -> Tensor:
        """Each window's pixels as a column, (N, C·K₀·K₁, H'·W') ("im2col")."""
        return self.over(images, count).permute(0, 1, 4, 5, 2, 3).flatten(1, 3).flatten(2)

    def images(self, columns: Tensor, count: Sequence[int], size: Sequence[int]) -> Tensor:
        """The way back: each column is added where its window lies."""
        taps = columns.view(len(columns), -1, math.prod(self.kernel_size), *count)
        return self.sum_of(taps.unbind(2), taps[:, :, 0], size)

    def sum_of(self, taps: Iterable[Tensor], like: Tensor, size: Sequence[int]) -> Tensor:
        """The images (N, C, *size) to which each tap adds its own, (N, C, H', W') as `like`.

        The pixels S i + a (with 0 ≤ a < S) lie together at first, so that neighbours meet.
        """
        (_, k1), (s0, s1), (d0, d1) = self.kernel_size, self.stride, self.dilation
        height, width = like.shape[2:]
        rows, columns = height + (self.span[0] - 1) // s0, width + (self.span[1] - 1) // s1
        phases = like.new_zeros(s0, s1, *like.shape[:2], rows, columns)
        for number, tap in enumerate(taps):
            (i, a), (j, b) = divmod(d0 * (number // k1), s0), divmod(d1 * (number % k1), s1)
            phases[a, b, :, :, i : i + height, j : j + width].add_(tap)
        whole = phases.permute(2, 3, 4, 0, 5, 1).flatten(4).flatten(2, 3)
        (top, _), (left, _) = self.padding
        bottom, right = size[0] + top - s0 * rows, size[1] + left - s1 * columns
        return framed(whole, ((-top, bottom), (-left, right)))


def framed(images: Tensor, margins: Margins, fill: float = 0.0) -> Tensor:
    """Images with `fill` around each; a negative margin cuts pixels off."""
    (top, bottom), (left, right) = margins
    n, c, h, w = images.shape
    inner = images[:, :, max(0, -top) : h + min(0, bottom), max(0, -left) : w + min(0, right)]
    if max(top, bottom, left, right) <= 0:
        return inner
    larger = images.new_full((n, c, h + top + bottom, w + left + right), fill)
    place = larger[:, :, max(0, top) :, max(0, left) :]
    place[:, :, : inner.shape[2], : inner.shape[3]] = inner
    return larger


def pair(name: str, value: Size, at_least: int) -> Pair:
    """The value per axis. Raises ValueError below the least."""
    both = (value, value) if isinstance(value, int) else tuple(value)
    if len(both) != 2 or min(both) < at_least:
        raise ValueError(f"{name} must be >= {at_least}, one number or two, but got {value}")
    return both[0], both[1]


def margins(padding: Padding, kernel_size: Pair, stride: Pair, dilation: Pair) -> Margins:
    """Padding per side; "same" pads so that stride 1 keeps the size (an odd rest goes behind)."""
    if padding == "same" and stride != (1, 1):
        raise ValueError(f"padding 'same' needs stride 1, but got {short(stride)}")
    spans = [d * (k - 1) for k, d in zip(kernel_size, dilation, strict=True)]
    p0, p1 = (spans[0] // 2, spans[1] // 2) if padding == "same" else pair("padding", padding, 0)
    return ((p0, spans[0] - p0), (p1, spans[1] - p1)) if padding == "same" else ((p0, p0), (p1, p1))
