"""Windows that slide over images: where they lie, and their pixels as the rows of a matrix.

Images are (..., N, H, W, C) here, channels last: the C numbers of a pixel lie side by side, so that
a row of a window is one piece of memory, and a window one row of the matrix that a convolution
multiplies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

Pair = tuple[int, int]
# One number for both axes, or (vertical, horizontal).
Size = int | Pair
Padding = Size | Literal["same"]
# What is added before and behind, vertically and horizontally.
Margins = tuple[Pair, Pair]


@dataclass(frozen=True)
class Windows:
    """Window (i, j) covers the pixels (S₀ i + D₀ k − P₀, S₁ j + D₁ l − P₁).

    with 0 ≤ k < K₀, 0 ≤ l < K₁: kernel size K, stride S, dilation D, padding P; pixels outside the
    image count as 0 (Dumoulin & Visin 2016).
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
        """How many windows fit: ⌊(H + 2P − D (K − 1) − 1) / S⌋ + 1 on each axis.

        Raises ValueError where not even one does.
        """
        padded = [n + sum(p) for n, p in zip((height, width), self.padding, strict=True)]
        if padded[0] < self.span[0] or padded[1] < self.span[1]:
            dilated = " (dilated)" if self.dilation != (1, 1) else ""
            padding = ", padding included" if any(map(any, self.padding)) else ""
            raise ValueError(
                f"its {times(self.span)} kernel{dilated} is larger than the "
                f"{times(padded)} input{padding}"
            )
        rows, columns = (
            (n - span) // stride + 1
            for n, span, stride in zip(padded, self.span, self.stride, strict=True)
        )
        return rows, columns

    def options(self, padding: Padding, default_stride: Pair = (1, 1)) -> str:
        """The options that aren't PyTorch's defaults, for a repr."""
        given = {"stride": self.stride, "padding": padding, "dilation": self.dilation}
        defaults = {"stride": short(default_stride), "padding": "0", "dilation": "1"}
        texts = {name: short(value) for name, value in given.items()}
        return "".join(f", {n}={text}" for n, text in texts.items() if text != defaults[n])

    def over(self, padded: Tensor, count: Pair) -> Tensor:
        """The first windows as a view, (..., N, H, W, C) → (..., N, *count, K₀, K₁, C)."""
        *lead, down, right, channel = padded.stride()
        steps = [self.stride[0] * down, self.stride[1] * right]
        inside = [self.dilation[0] * down, self.dilation[1] * right]
        return padded.as_strided(
            (*padded.shape[:-3], *count, *self.kernel_size, padded.shape[-1]),
            (*lead, *steps, *inside, channel),
        )

    def gather(self, padded: Tensor, columns: Tensor) -> Tensor:
        """Copy each window's pixels side by side into `columns` (..., N, H', W', K₀, K₁, C)."""
        windows = self.over(padded, (columns.shape[-5], columns.shape[-4]))
        for k in range(self.kernel_size[0]):  # row by row: faster than all at once
            columns[..., k, :, :].copy_(windows[..., k, :, :])
        return columns

    def scatter(self, columns: Tensor, padded: Tensor) -> Tensor:
        """The way back: `padded` becomes the sum of all windows, each added where it lies."""
        windows = self.over(padded.zero_(), (columns.shape[-5], columns.shape[-4]))
        for k in range(self.kernel_size[0]):
            for l in range(self.kernel_size[1]):  # noqa: E741  # the formulas' index
                windows[..., k, l, :].add_(columns[..., k, l, :])
        return padded


def pair(name: str, value: Size, at_least: int) -> Pair:
    """The value per axis. Raises ValueError below the least."""
    both = (value, value) if isinstance(value, int) else tuple(value)
    if len(both) != 2 or min(both) < at_least:
        raise ValueError(f"{name} must be >= {at_least}, one number or two, but got {value}")
    return both[0], both[1]


def margins(padding: Padding, kernel_size: Pair, stride: Pair, dilation: Pair) -> Margins:
    """Padding per side; "same" pads so that stride 1 keeps the size (an odd rest goes behind)."""
    if padding != "same":
        p0, p1 = pair("padding", padding, 0)
        return (p0, p0), (p1, p1)
    if stride != (1, 1):
        raise ValueError(f"padding 'same' needs stride 1, but got {short(stride)}")
    total = [d * (k - 1) for k, d in zip(kernel_size, dilation, strict=True)]
    return (total[0] // 2, total[0] - total[0] // 2), (total[1] // 2, total[1] - total[1] // 2)


def short(value: float | tuple[float, float] | str) -> str:
    """A pair for a repr: one number where both are equal."""
    if isinstance(value, tuple) and value[0] == value[1]:
        return repr(value[0])
    return repr(value)


def times(size: tuple[int, ...] | list[int]) -> str:
    """Sizes for a message: 3×32×32."""
    return "×".join(map(str, size))
