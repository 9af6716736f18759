"""The convolution, and the base class of layers with a kernel."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Generator, Tensor

from minidl.nn.images.module import ImageModule
from minidl.nn.images.windows import Padding, Pair, Size, Windows, margins, pair
from minidl.nn.init import Initializer
from minidl.nn.parameter import Parameter


class Convolution(ImageModule):
    """Base class of layers with a kernel: a weight of any shape, one bias per output channel.

    With `groups`, input and output channels are divided into as many, in order, and each group of
    outputs sees its group of inputs alone; as many as channels: depthwise.

    `init` is used instead of the network's. New layers are drawn uniformly from ±1/√fan_in.
    """

    prefix = "conv"
    windows: Windows
    transposed: ClassVar[bool] = False  # whether the weight's first dimension is in_channels

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, bias: bool, groups: int = 1
    ) -> None:
        if in_channels < 1 or out_channels < 1:
            kind = type(self).__name__
            raise ValueError(f"{kind} needs at least 1 channel, got {in_channels}, {out_channels}")
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"groups must divide {in_channels} input and {out_channels} output channels, "
                f"but got {groups}"
            )
        super().__init__()
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.takes = f"images (N, {in_channels}, H, W)"
        self.kernel_size = pair("kernel_size", kernel_size, 1)
        first, other = (in_channels, out_channels)[:: 1 if self.transposed else -1]
        self.weight = Parameter(torch.empty(first, other // groups, *self.kernel_size))
        self.bias = Parameter(torch.empty(out_channels)) if bias else None

    def fans(self) -> Pair:
        """How many inputs an output sees, and how many outputs an input feeds."""
        taps = self.kernel_size[0] * self.kernel_size[1]
        return self.in_channels // self.groups * taps, self.out_channels // self.groups * taps

    def matrices(self, kernels: Tensor) -> Tensor:
        """The kernels as a matrix for each group, (groups, first channels, other channels · K)."""
        rows = kernels.flatten(1)
        return rows.reshape(self.groups, -1, rows.shape[1])

    def draw_parameters(self, init: Initializer, gain: float | None, generator: Generator) -> None:
        fans = self.fans()
        self.weight.data = init.weight(self.weight.shape, fans, gain, generator)
        if self.bias is not None:
            self.bias.data = init.bias(self.bias.shape, fans[0], generator)

    def image_shape(self, channels: int, height: int, width: int) -> tuple[int, ...]:
        return self.out_channels, *self.image_size(height, width)

    def image_size(self, height: int, width: int) -> Pair:
        """The output's height and width. Raises ValueError saying why there can be none."""
        return self.windows.count(height, width)


class Conv2d(Convolution):
    """Convolution: each output pixel is a weighted sum over the window of input pixels beneath it.

    y[o, i, j]  = b[o] + Σ_c Σ_k Σ_l W[o, c, k, l] x[c, S₀ i + D₀ k − P₀, S₁ j + D₁ l − P₁]
    dW[o, c, k, l] = Σ_n Σ_i Σ_j dy[o, i, j] x[c, S₀ i + D₀ k − P₀, S₁ j + D₁ l − P₁]
    db[o]       = Σ_n Σ_i Σ_j dy[o, i, j]
    dx[c, p, q] = Σ_o Σ_k Σ_l W[o, c, k, l] dy[o, i, j]   where S i + D k − P = (p, q)

    x is 0 outside the image. With the windows' pixels as the columns of a matrix X ("im2col"), one
    column per output pixel and C K₀ K₁ rows:  Y = W X + b,  dWᵀ = Σ_n X dYᵀ,  dX = Wᵀ dY,  and dx
    is dX with every column added where its window lies.

    Shapes: x (N, in_channels, H, W), y (N, out_channels, H', W') with
    H' = ⌊(H + 2 P₀ − D₀ (K₀ − 1) − 1) / S₀⌋ + 1, W (out_channels, in_channels, K₀, K₁).
    `kernel_size`, `stride`, `padding`, `dilation`: one number or (vertical, horizontal);
    padding="same" keeps the size, at stride 1. With `groups` G, W is (out_channels,
    in_channels / G, K₀, K₁), and the formulas hold for each group by itself.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size = 1,
        padding: Padding = 0, dilation: Size = 1, bias: bool = True, *, groups: int = 1,
        init: Initializer | None = None,
    ) -> None:  # fmt: skip
        super().__init__(in_channels, out_channels, kernel_size, bias, groups)
        self.init, self.padding = init, padding
        self.stride, self.dilation = pair("stride", stride, 1), pair("dilation", dilation, 1)
        around = margins(padding, self.kernel_size, self.stride, self.dilation)
        self.windows = Windows(self.kernel_size, self.stride, around, self.dilation)
        self.initialize()

    def forward(self, x: Tensor) -> Tensor:
        self.count, self.size = self.output_size(x), x.shape[2:]
        self.columns = self.windows.columns(x, self.count)
        y = products(self.matrices(self.weight.data), self.columns)
        y = y if self.bias is None else y + self.bias.data[:, None]
        return y.view(*y.shape[:2], *self.count)

    def backward(self, grad_output: Tensor) -> Tensor:
        dy = grad_output.flatten(2)
        grad = sum_of_products(self.columns, dy, self.groups)
        self.weight.grad += grad.mT.reshape(self.weight.shape)
        if self.bias is not None:
            self.bias.grad += dy.sum((0, 2))
        grad_columns = products(self.matrices(self.weight.data).mT, dy)
        return self.windows.images(grad_columns, self.count, self.size)


def products(matrices: Tensor, columns: Tensor) -> Tensor:
    """Each group's matrix, (G, a, b), times the group's rows of (N, G·b, L): (N, G·a, L)."""
    if len(matrices) == 1:
        return matrices[0] @ columns
    y = matrices @ by_group(columns, len(matrices))
    y = y.view(*y.shape[:2], len(columns), -1)
    return y.permute(2, 0, 1, 3).flatten(1, 2)


def sum_of_products(left: Tensor, right: Tensor, groups: int) -> Tensor:
    """Σ_n of left rightᵀ for each group's rows of (N, G·a, L) and (N, G·b, L): (G, a, b)."""
    if groups == 1:
        return (left @ right.mT).sum(0)[None]
    return by_group(left, groups) @ by_group(right, groups).mT


def by_group(columns: Tensor, groups: int) -> Tensor:
    """Each group's rows, with those of all samples beside each other: (G, rows, N·L)."""
    own = columns.reshape(len(columns), groups, -1, columns.shape[2])
    return own.permute(1, 2, 0, 3).flatten(2)
