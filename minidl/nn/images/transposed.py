"""The transposed convolution, and nearest upsampling with a convolution behind it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from torch import Tensor

from minidl.nn.images.conv import Convolution, products, sum_of_products
from minidl.nn.images.windows import Padding, Pair, Size, Windows, margins, pair
from minidl.nn.init import Initializer
from minidl.nn.shape import times


class _Transposed(Convolution):
    """Base class: each input pixel adds its kernel, times its value, to the image that comes out.

    y[o, p, q]  = b[o] + Σ_c Σ_k Σ_l V[c, o, k, l] x[c, i, j]   where S i + D k − P = (p, q)
    dV[c, o, k, l] = Σ_n Σ_i Σ_j x[c, i, j] dy[o, S₀ i + D₀ k − P₀, S₁ j + D₁ l − P₁]
    db[o]       = Σ_n Σ_p Σ_q dy[o, p, q]
    dx[c, i, j] = Σ_o Σ_k Σ_l V[c, o, k, l] dy[o, S₀ i + D₀ k − P₀, S₁ j + D₁ l − P₁]

    As matrices, one column per input pixel: Y = Vᵀ X, each column added where its window lies in
    y; with dY the windows of dy:  dVᵀ = Σ_n dY Xᵀ,  dX = V dY.
    """

    def kernels(self) -> Tensor:
        """V, (in_channels, out_channels, *windows.kernel_size)."""
        return self.weight.data

    def add_kernel_gradient(self, grad: Tensor) -> None:
        """Add to dW what follows from dV."""
        self.weight.grad += grad

    def forward(self, x: Tensor) -> Tensor:
        size, self.count, self.x = self.output_size(x), x.shape[2:], x.flatten(2)
        columns = products(self.matrices(self.kernels()).mT, self.x)
        y = self.windows.images(columns, self.count, size)
        return y if self.bias is None else y + self.bias.data[:, None, None]

    def backward(self, grad_output: Tensor) -> Tensor:
        kernels, dy = self.kernels(), self.windows.columns(grad_output, self.count)
        grad = sum_of_products(dy, self.x, self.groups)
        self.add_kernel_gradient(grad.mT.reshape(kernels.shape))
        if self.bias is not None:
            self.bias.grad += grad_output.sum((0, 2, 3))
        return products(self.matrices(kernels), dy).view(len(dy), -1, *self.count)


class ConvTranspose2d(_Transposed):
    """Transposed convolution: Conv2d's backward for its input as a layer; stride S enlarges by S.

    The formulas above, with V = W. Shapes: x (N, in_channels, H, W), y (N, out_channels, H', W')
    with H' = S₀ (H − 1) + D₀ (K₀ − 1) + 1 − 2 P₀ + output_padding₀; W (in_channels, out_channels,
    K₀, K₁). `output_padding` chooses among the S sizes that a convolution would shrink to H; it
    is less than the stride or the dilation. fan_in counts what an output pixel sees on average,
    in_channels K₀ K₁ / (S₀ S₁) inputs (PyTorch counts out_channels K₀ K₁). With `groups` G, W is
    (in_channels, out_channels / G, K₀, K₁), and the formulas hold for each group by itself.
    """

    transposed = True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size = 1,
        padding: Size = 0, output_padding: Size = 0, bias: bool = True, dilation: Size = 1, *,
        groups: int = 1, init: Initializer | None = None,
    ) -> None:  # fmt: skip
        super().__init__(in_channels, out_channels, kernel_size, bias, groups)
        self.init, self.padding = init, pair("padding", padding, 0)
        self.stride, self.dilation = pair("stride", stride, 1), pair("dilation", dilation, 1)
        self.output_padding = pair("output_padding", output_padding, 0)
        for extra, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(s, d):
                raise ValueError(
                    f"output_padding must be less than the stride or the dilation, but got {extra} "
                    f"with stride {s} and dilation {d}"
                )
        around = margins(self.padding, self.kernel_size, self.stride, self.dilation)
        self.windows = Windows(self.kernel_size, self.stride, around, self.dilation)
        self.initialize()

    def fans(self) -> Pair:
        fan_in, fan_out = super().fans()
        return max(1, fan_in // (self.stride[0] * self.stride[1])), fan_out

    def image_size(self, height: int, width: int) -> Pair:
        options = self.stride, self.windows.span, self.padding, self.output_padding
        rows, columns = (
            s * (n - 1) + span - 2 * p + extra
            for n, s, span, p, extra in zip((height, width), *options, strict=True)
        )
        if rows < 1 or columns < 1:
            raise ValueError(f"its padding leaves {times((rows, columns))} pixels")
        return rows, columns


class UpsampleConv2d(_Transposed):
    """Upsample(scale_factor) and then Conv2d, exactly, on the small image; report 004's Upsampling.

    y = Conv2d(u),  u[c, p, q] = x[c, ⌊p/S₀⌋, ⌊q/S₁⌋]

    In the enlarged image u, S₀ S₁ neighbours are equal, and each adds the same kernel (mirrored)
    to y, one pixel further on: together one kernel of K + S − 1 pixels,
        V[c, o, p, q] = Σ_k Σ_l W[o, c, k, l]   if 0 ≤ p + k − K₀ + 1 < S₀, 0 ≤ q + l − K₁ + 1 < S₁
    so that the layer is a transposed convolution with V, stride S and padding K − 1 − P. For
    S = 2, K = 3 that takes 16 products per pixel of x and pair of channels instead of 36.

    Shapes: x (N, in_channels, H, W), y (N, out_channels, H', W') with H' = S₀ H + 2 P₀ − K₀ + 1,
    W (out_channels, in_channels, K₀, K₁). padding="same" gives H' = S₀ H.
    """

    prefix = "up"

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, scale_factor: Size = 2,
        padding: Padding = "same", bias: bool = True, *, init: Initializer | None = None,
    ) -> None:  # fmt: skip
        super().__init__(in_channels, out_channels, kernel_size, bias)
        self.scale_factor = s0, s1 = pair("scale_factor", scale_factor, 1)
        self.init, self.padding = init, padding
        around = margins(padding, self.kernel_size, (1, 1), (1, 1))
        self.enlarged = Windows(self.kernel_size, padding=around)
        (k0, k1), ((top, bottom), (left, right)) = self.kernel_size, around
        lacks = (k0 - 1 - top, k0 - 1 - bottom), (k1 - 1 - left, k1 - 1 - right)
        self.windows = Windows((k0 + s0 - 1, k1 + s1 - 1), self.scale_factor, lacks)
        self.initialize()

    def kernels(self) -> Tensor:
        weight = self.weight.data.transpose(0, 1)
        kernels = weight.new_zeros(*weight.shape[:2], *self.windows.kernel_size)
        for tap, reached in self.reached(weight, kernels):
            reached.add_(tap[:, :, None, None])
        return kernels

    def add_kernel_gradient(self, grad: Tensor) -> None:
        for tap, reached in self.reached(self.weight.grad.transpose(0, 1), grad):
            tap.add_(reached.sum((2, 3)))

    def reached(self, weight: Tensor, kernels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """For each tap of W, the entries of V that it adds to; views."""
        (k0, k1), (s0, s1) = self.kernel_size, self.scale_factor
        for k, i in itertools.product(range(k0), range(k1)):
            top, left = k0 - 1 - k, k1 - 1 - i
            yield weight[:, :, k, i], kernels[:, :, top : top + s0, left : left + s1]

    def image_size(self, height: int, width: int) -> Pair:
        return self.enlarged.count(self.scale_factor[0] * height, self.scale_factor[1] * width)
