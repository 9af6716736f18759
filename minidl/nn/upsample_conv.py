"""Nearest upsampling and the convolution behind it, as one layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from minidl.nn.conv import COLUMNS_AT_ONCE, Convolution
from minidl.nn.images import channels_first, channels_last, parts, without
from minidl.nn.init import Inits
from minidl.nn.products import add_product, product
from minidl.nn.windows import Margins, Padding, Size, Windows, margins, pair, short


class UpsampleConv2d(Convolution):
    """Upsample(scale_factor) and then Conv2d, exactly, on the small image; report 004's Upsampling.

    y = Conv2d(u),  u[c, p, q] = x[c, ⌊p/S₀⌋, ⌊q/S₁⌋]

    In the enlarged image u, S neighbours are equal, so the taps of a kernel that fall on the same
    pixel of x add up to one weight. Which ones do depends only on the phase (a, b) of the output
    pixel (S₀ i + a, S₁ j + b): its tap k reads the pixel i + ⌊(a + k − P) / S⌋ of x. So
        V[a, b, o, c, t, s] = Σ_k Σ_l [tap k of phase a is pixel t] [tap l of phase b is pixel s]
                              W[o, c, k, l]
    are S₀ S₁ smaller kernels, and y[:, a::S₀, b::S₁] is the convolution of x with V[a, b]; as
    matrices, with the windows of x as the rows of X:  Y = X Vᵀ + b,  dV = dYᵀ X,  dX = dY V.
    For S = 2, K = 3 that takes 4·4 products per pixel of x and pair of channels instead of 4·9.

    Shapes: x (..., N, in_channels, H, W), y (..., N, out_channels, H', W') with
    H' = S₀ H + 2 P₀ − K₀ + 1, W (..., out_channels, in_channels, K₀, K₁). padding="same"
    gives H' = S₀ H.
    """

    prefix = "up"

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        scale_factor: Size = 2,
        padding: Padding = "same",
        bias: bool = True,
        *,
        init: Inits | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, bias, init)
        self.scale_factor = pair("scale_factor", scale_factor, 1)
        self.padding = padding
        around: Margins = margins(padding, self.kernel_size, (1, 1), (1, 1))
        self.enlarged = Windows(self.kernel_size, padding=around)
        self.axes = tuple(
            _Phases(scale, kernel, before)
            for scale, kernel, (before, _) in zip(
                self.scale_factor, self.kernel_size, around, strict=True
            )
        )
        self.few_outputs = 2 * out_channels <= in_channels
        self.windows = Windows((self.axes[0].taps, self.axes[1].taps))
        self.initialize()

    def forward(self, x: Tensor) -> Tensor:
        channels, *size = self.output_size(x)
        if self.few_outputs:
            y = channels_last(self.buffer("y", (*x.shape[:-3], channels, *size), x))
        else:
            y = self.buffer("y", (*x.shape[:-3], *size, channels), x)
        down, right = self.axes
        self.margins = down.margins(size[0], x.shape[-2]), right.margins(size[1], x.shape[-1])
        self.image = self.padded("image", x, self.margins)
        kernels = self.phase_kernels()
        for part in self.parts(y):
            columns, (rows, outputs) = self.columns(y, part), self.outputs("outputs", y, part)
            product(self.matrix(columns, 3), kernels.mT, out=rows)
            for whole, phase in self.phases(self.samples(y, part), outputs):
                if self.bias is None:
                    whole.copy_(phase)
                else:
                    torch.add(phase, self.bias_per_pixel(), out=whole)
        return channels_first(y)

    def backward(self, grad_output: Tensor) -> Tensor:
        dy = channels_last(grad_output) if self.few_outputs else self.pixels("dy", grad_output)
        self.add_bias_gradient(dy)
        kernels = self.phase_kernels()
        grad_kernels = self.scratch("grad_kernels", kernels).zero_()
        grad_image = self.grad_image(self.image)
        for part in self.parts(dy):
            columns, (rows, outputs) = self.columns(dy, part), self.outputs("grads", dy, part)
            for whole, phase in self.phases(self.samples(dy, part), outputs):
                phase.copy_(whole)  # where no pixel of y belongs, 0 stays
            add_product(grad_kernels, rows.mT, self.matrix(columns, 3))
            if self.input_gradient:
                product(rows, kernels, out=self.matrix(columns, 3))
                self.windows.scatter(columns, self.samples(grad_image, part))
        self.add_kernel_gradient(grad_kernels)
        if not self.input_gradient:
            return grad_output.new_empty(0)
        return channels_first(without(grad_image, self.margins))

    def positions(self, y: Tensor) -> tuple[int, int]:
        """How many windows there are on each axis."""
        return self.axes[0].positions(y.shape[-3]), self.axes[1].positions(y.shape[-2])

    def parts(self, y: Tensor) -> list[slice]:
        """The parts of the batch that are convolved at once."""
        taps = self.windows.kernel_size
        numbers = math.prod((*self.positions(y), *taps, self.in_channels, self.networks or 1))
        return list(parts(self.count(y), numbers, COLUMNS_AT_ONCE))

    def columns(self, y: Tensor, part: slice) -> Tensor:
        """The windows' pixels for one part of the batch, (..., n, H", W", T₀, T₁, C)."""
        image = self.samples(self.image, part)
        taps = self.windows.kernel_size
        shape = (*image.shape[:-3], *self.positions(y), *taps, self.in_channels)
        return self.windows.gather(image, self.columns_room(shape, image))

    def outputs(self, name: str, y: Tensor, part: slice) -> tuple[Tensor, Tensor]:
        """Memory for what each window gives each phase, (..., n, H", W", S₀, S₁, out_channels).

        As a matrix with one row per window, and with all dimensions. Where the outputs are few
        (2 out_channels ≤ in_channels), their numbers for all windows lie together: products with
        few columns are twice as fast that way, and what follows has longer rows.
        """
        lead = self.samples(y, part).shape[:-3]
        places, numbers = (*lead[-1:], *self.positions(y)), (*self.scale_factor, self.out_channels)
        count, size = math.prod(places), math.prod(numbers)
        if not self.few_outputs:
            memory = self.buffer(name, (*lead[:-1], *places, *numbers), y, fill=0.0)
            return memory.view(*lead[:-1], count, size), memory
        memory = self.buffer(name, (*lead[:-1], *numbers, *places), y, fill=0.0)
        last = memory.movedim((-6, -5, -4), (-3, -2, -1))
        return memory.view(*lead[:-1], size, count).mT, last

    def phases(self, y: Tensor, outputs: Tensor) -> list[tuple[Tensor, Tensor]]:
        """For each phase (a, b): its pixels in y, and where they are in `outputs`; views."""
        found = []
        for a in range(self.scale_factor[0]):
            for b in range(self.scale_factor[1]):
                whole = y[..., a :: self.scale_factor[0], b :: self.scale_factor[1], :]
                i, j = self.axes[0].first(a), self.axes[1].first(b)
                height, width = whole.shape[-3:-1]
                phase = outputs[..., i : i + height, j : j + width, a, b, :]
                found.append((whole, phase))
        return found

    # From W to V and back.

    def phase_kernels(self) -> Tensor:
        """V in the order of outputs and columns, as a matrix (..., S₀·S₁·O, T₀·T₁·C)."""
        by_weight, weight = self.by_weight(), self.weight.data
        product(weight.view(*by_weight.shape[:-1], -1), self.sums(), out=by_weight)
        ordered = self.by_column(by_weight)
        kernels = self.buffer("kernels", ordered.shape, weight).copy_(ordered)
        outputs = math.prod(self.scale_factor) * self.out_channels
        return kernels.view(*weight.shape[:-4], outputs, -1)

    def add_kernel_gradient(self, grad_kernels: Tensor) -> None:
        """dW from dV."""
        by_weight = self.by_weight()
        ordered = self.by_column(by_weight)
        ordered.copy_(grad_kernels.view(ordered.shape))
        grad = self.weight.grad.view(*by_weight.shape[:-1], -1)
        add_product(grad, by_weight, self.sums().mT)

    def by_weight(self) -> Tensor:
        """Memory for V with a row for each pair of channels, (..., O·C, S₀·S₁·T₀·T₁)."""
        weight = self.weight.data
        rows, numbers = self.out_channels * self.in_channels, self.axes[0].numbers
        shape = (*weight.shape[:-4], rows, numbers * self.axes[1].numbers)
        return self.buffer("by_weight", shape, weight)

    def by_column(self, by_weight: Tensor) -> Tensor:
        """V[o, c, a, b, t, s] as V[a, b, o, t, s, c], a view."""
        channels, lead = (self.out_channels, self.in_channels), by_weight.shape[:-2]
        one = by_weight.view(*lead, *channels, *self.scale_factor, *self.windows.kernel_size)
        return one.permute(*range(len(lead)), *(len(lead) + d for d in (2, 3, 0, 4, 5, 1)))

    def sums(self) -> Tensor:
        """Which taps add up: a 1 at [(k, l), (a, b, t, s)] where the formula has one."""
        table = self.table("sums", self._sums, self.weight.data)
        return table if self.networks is None else table.expand(self.networks, *table.shape)

    def _sums(self) -> Tensor:
        down, right = (axis.which() for axis in self.axes)
        both = down[:, None, :, None, :, None] * right[None, :, None, :, None, :]
        return both.flatten(-2).flatten(0, -2).mT.contiguous()

    def image_shape(self, channels: int, height: int, width: int) -> tuple[int, ...]:
        self.check_channels(channels)
        s0, s1 = self.scale_factor
        return (self.out_channels, *self.enlarged.count(s0 * height, s1 * width))

    def __repr__(self) -> str:
        scale = f", scale_factor={short(self.scale_factor)}" if self.scale_factor != (2, 2) else ""
        padding = f", padding={short(self.padding)}" if self.padding != "same" else ""
        return (
            f"UpsampleConv2d({self.in_channels}, {self.out_channels}, "
            f"kernel_size={short(self.kernel_size)}{scale}{padding}"
            f"{'' if self.bias else ', bias=False'})"
        )


@dataclass(frozen=True)
class _Phases:
    """One axis: tap k of phase a of output i reads the pixel i + ⌊(a + k − P) / S⌋."""

    scale: int
    kernel: int
    before: int

    def offset(self, phase: int, tap: int) -> int:
        """⌊(a + k − P) / S⌋"""
        return (phase + tap - self.before) // self.scale

    @property
    def taps(self) -> int:
        """T: how many pixels of x a phase reads at most."""
        last = self.kernel - 1
        return 1 + max(self.offset(a, last) - self.offset(a, 0) for a in range(self.scale))

    @property
    def numbers(self) -> int:
        """S T"""
        return self.scale * self.taps

    def first(self, phase: int) -> int:
        """Which window belongs to the first output of a phase."""
        return self.offset(phase, 0) - self.offset(0, 0)

    def positions(self, outputs: int) -> int:
        """How many windows all phases need."""
        phases = range(min(self.scale, outputs))
        return max(self.first(a) - (a - outputs) // self.scale for a in phases)

    def margins(self, outputs: int, inputs: int) -> tuple[int, int]:
        """The zeros around x that the windows reach into."""
        before = -self.offset(0, 0)
        return before, max(0, self.positions(outputs) + self.taps - 1 - before - inputs)

    def which(self) -> Tensor:
        """(S, T, K): a 1 where tap k of phase a is its pixel t."""
        found = torch.zeros(self.scale, self.taps, self.kernel, dtype=torch.float64)
        for a in range(self.scale):
            for k in range(self.kernel):
                found[a, self.offset(a, k) - self.offset(a, 0), k] = 1
        return found
