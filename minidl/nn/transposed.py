"""The transposed convolution."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl.nn.conv import COLUMNS_AT_ONCE, Convolution
from minidl.nn.images import channels_first, parts, without
from minidl.nn.init import Inits
from minidl.nn.products import add_product, product
from minidl.nn.windows import Size, Windows, pair, short, times


class ConvTranspose2d(Convolution):
    """Transposed convolution: Conv2d's backward for its input as a layer; stride S enlarges by S.

    y[o, p, q]  = b[o] + Σ_c Σ_k Σ_l W[c, o, k, l] x[c, i, j]   where S i + D k − P = (p, q)
    dW[c, o, k, l] = Σ_n Σ_i Σ_j x[c, i, j] dy[o, S₀ i + D₀ k − P₀, S₁ j + D₁ l − P₁]
    db[o]       = Σ_n Σ_p Σ_q dy[o, p, q]
    dx[c, i, j] = Σ_o Σ_k Σ_l W[c, o, k, l] dy[o, S₀ i + D₀ k − P₀, S₁ j + D₁ l − P₁]

    As matrices, one row per input pixel: Y = X W, each row added where its window lies in y; with
    dY the windows of dy:  dW = Xᵀ dY,  dX = dY Wᵀ.

    Shapes: x (..., N, in_channels, H, W), y (..., N, out_channels, H', W') with
    H' = S₀ (H − 1) + D₀ (K₀ − 1) + 1 − 2 P₀ + output_padding₀; W (..., in_channels, out_channels,
    K₀, K₁). `output_padding` chooses among the S sizes that a convolution would shrink to H; it
    is less than the stride or the dilation. fan_in counts what an output pixel sees on average,
    in_channels K₀ K₁ / (S₀ S₁) inputs (PyTorch counts out_channels K₀ K₁).
    """

    weight_order = ("in", "out")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        bias: bool = True,
        dilation: Size = 1,
        *,
        init: Inits | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, bias, init)
        stride, dilation = pair("stride", stride, 1), pair("dilation", dilation, 1)
        self.padding = pair("padding", padding, 0)
        self.output_padding = pair("output_padding", output_padding, 0)
        for extra, s, d in zip(self.output_padding, stride, dilation, strict=True):
            if extra >= max(s, d):
                raise ValueError(
                    f"output_padding must be less than the stride or the dilation, but got {extra} "
                    f"with stride {s} and dilation {d}"
                )
        p0, p1 = self.padding
        self.windows = Windows(self.kernel_size, stride, ((p0, p0), (p1, p1)), dilation)
        self.initialize()

    def forward(self, x: Tensor) -> Tensor:
        channels, *size = self.output_size(x)
        self.x = self.pixels("x", x)
        y = self.buffer("y", (*x.shape[:-3], *size, channels), x)
        around = self.windows.padding
        full = [n + sum(p) for n, p in zip(size, around, strict=True)]
        canvas = self.buffer("canvas", (*x.shape[:-3], *full, channels), x)
        weight = self.weight_matrix()
        for part in self.parts():
            columns = self.columns(part)
            product(self.matrix(self.samples(self.x, part)), weight, out=self.matrix(columns, 3))
            self.windows.scatter(columns, self.samples(canvas, part))
        if self.bias is None:
            return channels_first(y.copy_(without(canvas, around)))
        return channels_first(torch.add(without(canvas, around), self.bias_per_pixel(), out=y))

    def backward(self, grad_output: Tensor) -> Tensor:
        dy = self.pixels("dy", grad_output)
        self.add_bias_gradient(dy)
        grad_canvas = self.padded("grad_canvas", grad_output, self.windows.padding)
        weight = self.weight_matrix()
        grad_weight = self.scratch("grad_weight", weight).zero_()
        grad_input = self.scratch("grad_input", self.x)
        for part in self.parts():
            columns = self.windows.gather(self.samples(grad_canvas, part), self.columns(part))
            rows = self.matrix(columns, 3)
            add_product(grad_weight, self.matrix(self.samples(self.x, part)).mT, rows)
            if self.input_gradient:
                product(rows, weight.mT, out=self.matrix(self.samples(grad_input, part)))
        self.add_weight_gradient(grad_weight)
        return channels_first(grad_input) if self.input_gradient else grad_output.new_empty(0)

    def parts(self) -> list[slice]:
        """The parts of the batch that are multiplied at once."""
        rows = self.x.shape[-3] * self.x.shape[-2]
        numbers = rows * self.kernel_size[0] * self.kernel_size[1] * self.out_channels
        return list(parts(self.count(self.x), numbers * (self.networks or 1), COLUMNS_AT_ONCE))

    def columns(self, part: slice) -> Tensor:
        """Memory for the windows' pixels of one part of the batch."""
        x = self.samples(self.x, part)
        return self.columns_room((*x.shape[:-1], *self.kernel_size, self.out_channels), x)

    def fans(self) -> tuple[int, int]:
        fan_in, fan_out = super().fans()
        return max(1, fan_in // (self.windows.stride[0] * self.windows.stride[1])), fan_out

    def image_shape(self, channels: int, height: int, width: int) -> tuple[int, ...]:
        self.check_channels(channels)
        rows, columns = (
            stride * (n - 1) + span + extra - sum(padding)
            for n, stride, span, extra, padding in zip(
                (height, width),
                self.windows.stride,
                self.windows.span,
                self.output_padding,
                self.windows.padding,
                strict=True,
            )
        )
        if rows < 1 or columns < 1:
            raise ValueError(f"its padding leaves {times((rows, columns))} pixels")
        return self.out_channels, rows, columns

    def __repr__(self) -> str:
        extra = f", output_padding={short(self.output_padding)}" if any(self.output_padding) else ""
        return (
            f"ConvTranspose2d({self.in_channels}, {self.out_channels}, "
            f"kernel_size={short(self.kernel_size)}{self.windows.options(self.padding)}{extra}"
            f"{'' if self.bias else ', bias=False'})"
        )
