"""The convolution."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Generator, Tensor

from minidl.nn.images import ImageModule, channels_first, channels_last, parts, without
from minidl.nn.init import Initializer, Inits
from minidl.nn.parameter import Parameter
from minidl.nn.products import add_product, affine, product
from minidl.nn.windows import Padding, Size, Windows, margins, pair, short

# The columns of this many numbers (2 MB in float32) stay in the cache between their making and
# the product that reads them; larger batches are convolved part by part. Measured on 32 to 64
# channels: up to twice as fast as all at once, and 37 MB less memory for a 32×32 batch of 32.
COLUMNS_AT_ONCE = 2**19


class Convolution(ImageModule):
    """Base class of layers with a kernel: a weight of any shape, one bias per output channel.

    `init` (an Initializer, or one per network of a stack) is used instead of the network's. New
    layers are drawn uniformly from ±1/√fan_in.
    """

    prefix = "conv"
    reads_output = False
    weight_order: ClassVar[tuple[str, str]] = ("out", "in")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        bias: bool,
        init: Inits | None,
    ) -> None:
        if in_channels < 1 or out_channels < 1:
            raise ValueError(
                f"{type(self).__name__} needs at least 1 channel, got {in_channels}, {out_channels}"
            )
        super().__init__()
        self.in_channels, self.out_channels, self.init = in_channels, out_channels, init
        self.kernel_size = pair("kernel_size", kernel_size, 1)
        channels = {"in": in_channels, "out": out_channels}
        first, second = (channels[name] for name in self.weight_order)
        self.weight = Parameter(torch.empty(first, second, *self.kernel_size))
        self.bias = Parameter(torch.empty(out_channels)) if bias else None

    def fans(self) -> tuple[int, int]:
        """How many inputs an output sees, and how many outputs an input feeds."""
        taps = self.kernel_size[0] * self.kernel_size[1]
        return self.in_channels * taps, self.out_channels * taps

    def draw_parameters(
        self, init: Initializer, gain: float | None, generator: Generator, network: int
    ) -> None:
        fans = self.fans()
        weight = init.weight(self.weight.shape, fans, gain, generator)
        self.weight.network(network).copy_(weight)
        if self.bias is not None:
            self.bias.network(network).copy_(init.bias(self.bias.shape, fans[0], generator))

    def check_channels(self, channels: int) -> None:
        """Raise ValueError for another number of input channels."""
        if channels != self.in_channels:
            raise ValueError(f"it needs {self.in_channels} channels")

    def columns_room(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Memory for the columns of one part, shared by all layers of a network."""
        return self.workspace.room("columns", shape, like, COLUMNS_AT_ONCE)

    def grad_image(self, image: Tensor) -> Tensor:
        """Memory for the gradient of the (padded) input; as good as none where no one wants it."""
        return self.scratch("grad_image", image) if self.input_gradient else image

    def bias_per_pixel(self) -> Tensor:
        """b as a view that is added to (..., N, H, W, out_channels)."""
        assert self.bias is not None
        bias = self.bias.data
        return bias.view(*bias.shape[:-1], 1, 1, 1, -1)

    def weight_matrix(self) -> Tensor:
        """The kernels, one per row, in the order of the columns: (..., first, K₀·K₁·second)."""
        last = channels_last(self.weight.data)
        copied = self.buffer("weight_matrix", last.shape, last).copy_(last)
        return copied.view(*last.shape[:-3], -1)

    def add_weight_gradient(self, matrix: Tensor) -> None:
        """Add a gradient in the order of `weight_matrix`."""
        grad = channels_last(self.weight.grad)
        grad.add_(matrix.view(grad.shape))

    def add_bias_gradient(self, dy: Tensor) -> None:
        """Add Σ over all pixels of all samples, of (..., N, H, W, out_channels)."""
        if self.bias is not None:
            sums = self.buffer("sums", self.bias.grad.shape, dy)
            self.bias.grad.add_(torch.sum(dy, (-4, -3, -2), out=sums))


class Conv2d(Convolution):
    """Convolution: each output pixel is a weighted sum over the window of input pixels beneath it.

    y[o, i, j]  = b[o] + Σ_c Σ_k Σ_l W[o, c, k, l] x[c, S₀ i + D₀ k − P₀, S₁ j + D₁ l − P₁]
    dW[o, c, k, l] = Σ_n Σ_i Σ_j dy[o, i, j] x[c, S₀ i + D₀ k − P₀, S₁ j + D₁ l − P₁]
    db[o]       = Σ_n Σ_i Σ_j dy[o, i, j]
    dx[c, p, q] = Σ_o Σ_k Σ_l W[o, c, k, l] dy[o, i, j]   where S i + D k − P = (p, q)

    x is 0 outside the image. With the windows' pixels as the rows of a matrix X ("im2col"), one row
    per output pixel and K₀ K₁ C columns:  Y = X Wᵀ + b,  dW = dYᵀ X,  dX = dY W,  and dx is dX with
    every row added where its window lies. Where the stride is 1 and out_channels is at most half of
    in_channels, the columns are those of y, which are fewer: one row per input pixel, Z = X Wᵀ with
    K₀ K₁ out_channels columns, and y is the sum of the entries of Z that belong to it.

    Shapes: x (..., N, in_channels, H, W), y (..., N, out_channels, H', W') with
    H' = ⌊(H + 2 P₀ − D₀ (K₀ − 1) − 1) / S₀⌋ + 1, W (..., out_channels, in_channels, K₀, K₁).
    `kernel_size`, `stride`, `padding`, `dilation`: one number or (vertical, horizontal);
    padding="same" keeps the size, at stride 1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        bias: bool = True,
        *,
        init: Inits | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, bias, init)
        stride, dilation = pair("stride", stride, 1), pair("dilation", dilation, 1)
        self.padding = padding
        around = margins(padding, self.kernel_size, stride, dilation)
        self.windows = Windows(self.kernel_size, stride, around, dilation)
        self.by_outputs = stride == (1, 1) and 2 * out_channels <= in_channels
        self.initialize()

    def forward(self, x: Tensor) -> Tensor:
        size = self.output_size(x)
        self.image = self.padded("image", x, self.windows.padding)
        if self.by_outputs:
            return self.forward_by_outputs(self.buffer("y", (*x.shape[:-3], *size), x))
        y = self.buffer("y", (*x.shape[:-3], *size[1:], size[0]), x)
        weight = self.weight_matrix()
        for part in self.parts(y):
            columns = self.matrix(self.columns(y, part), 3)
            rows = self.matrix(self.samples(y, part))
            if self.bias is None:
                product(columns, weight.mT, out=rows)
            else:
                affine(columns, weight, self.bias.data, out=rows)
        return channels_first(y)

    def backward(self, grad_output: Tensor) -> Tensor:
        if self.by_outputs:
            return self.backward_by_outputs(grad_output)
        dy = self.pixels("dy", grad_output)
        self.add_bias_gradient(dy)
        weight = self.weight_matrix()
        grad_weight = self.scratch("grad_weight", weight).zero_()
        grad_image = self.grad_image(self.image)
        for part in self.parts(dy):
            rows = self.matrix(self.samples(dy, part))
            columns = self.columns(dy, part)
            add_product(grad_weight, rows.mT, self.matrix(columns, 3))
            if self.input_gradient:
                product(rows, weight, out=self.matrix(columns, 3))
                self.windows.scatter(columns, self.samples(grad_image, part))
        self.add_weight_gradient(grad_weight)
        if not self.input_gradient:
            return grad_output.new_empty(0)
        return channels_first(without(grad_image, self.windows.padding))

    def parts(self, y: Tensor) -> list[slice]:
        """The parts of the batch that are convolved at once, for images with a row per pixel."""
        columns = math.prod(self.kernel_size)
        columns *= self.out_channels if self.by_outputs else self.in_channels
        numbers = columns * y.shape[-3] * y.shape[-2] * (self.networks or 1)
        return list(parts(self.count(y), numbers, COLUMNS_AT_ONCE))

    def columns(self, y: Tensor, part: slice) -> Tensor:
        """The windows' pixels for one part of the batch, (..., n, H', W', K₀, K₁, C)."""
        image = self.samples(self.image, part)
        shape = (*image.shape[:-3], *y.shape[-3:-1], *self.kernel_size, self.in_channels)
        return self.windows.gather(image, self.columns_room(shape, image))

    # The same with the columns of y, one row of memory per column.

    def forward_by_outputs(self, y: Tensor) -> Tensor:
        weight = self.tap_matrix()
        for part in self.parts(self.image):
            image, into = self.samples(self.image, part), self.samples(y, part)
            columns = self.columns_room(self.output_columns(image), image)
            rows = self.matrix(image)
            product(weight, rows.mT, out=columns.view(*weight.shape[:-1], rows.shape[-2]))
            first, *others = self.taps(columns, into)
            into.copy_(first)
            for tap in others:
                into.add_(tap)
        if self.bias is not None:
            y.add_(self.bias.data[..., None, :, None, None])
        return y

    def backward_by_outputs(self, grad_output: Tensor) -> Tensor:
        self.add_bias_gradient(channels_last(grad_output))
        weight = self.tap_matrix()
        grad_weight = self.scratch("grad_weight", weight).zero_()
        grad_image = self.grad_image(self.image)
        for part in self.parts(self.image):
            image, dy = self.samples(self.image, part), self.samples(grad_output, part)
            columns = self.buffer("grad_columns", self.output_columns(image), image, fill=0.0)
            for tap in self.taps(columns, dy):
                tap.copy_(dy)  # 0 stays where a tap reaches no pixel of y
            rows = self.matrix(image)
            grads = columns.view(*weight.shape[:-1], rows.shape[-2])
            add_product(grad_weight, grads, rows)
            if self.input_gradient:
                product(grads.mT, weight, out=self.matrix(self.samples(grad_image, part)))
        by_tap = self.by_tap(self.weight.grad)
        by_tap.add_(grad_weight.view(by_tap.shape))
        if not self.input_gradient:
            return grad_output.new_empty(0)
        return channels_first(without(grad_image, self.windows.padding))

    def output_columns(self, image: Tensor) -> tuple[int, ...]:
        """The shape of the columns of y for one part of the batch, (..., K₀, K₁, O, n, H, W)."""
        *lead, n, height, width, _ = image.shape
        return (*lead, *self.kernel_size, self.out_channels, n, height, width)

    def taps(self, columns: Tensor, y: Tensor) -> list[Tensor]:
        """For each tap (k, l), what it adds to y: views (..., n, O, H', W')."""
        (k0, k1), (d0, d1), (height, width) = self.kernel_size, self.windows.dilation, y.shape[-2:]
        return [
            columns[..., k, l, :, :, d0 * k : d0 * k + height, d1 * l : d1 * l + width].movedim(
                -4, -3
            )
            for k in range(k0)
            for l in range(k1)  # noqa: E741  # the formulas' index
        ]

    def tap_matrix(self) -> Tensor:
        """The kernels as a matrix (..., K₀·K₁·O, C)."""
        by_tap = self.by_tap(self.weight.data)
        copied = self.buffer("tap_matrix", by_tap.shape, by_tap).copy_(by_tap)
        return copied.view(*by_tap.shape[:-4], -1, self.in_channels)

    def by_tap(self, weight: Tensor) -> Tensor:
        """(..., O, C, K₀, K₁) → (..., K₀, K₁, O, C), a view."""
        return weight.movedim((-4, -3), (-2, -1))

    def image_shape(self, channels: int, height: int, width: int) -> tuple[int, ...]:
        self.check_channels(channels)
        return (self.out_channels, *self.windows.count(height, width))

    def __repr__(self) -> str:
        return (
            f"Conv2d({self.in_channels}, {self.out_channels}, kernel_size={short(self.kernel_size)}"
            f"{self.windows.options(self.padding)}{'' if self.bias else ', bias=False'})"
        )
