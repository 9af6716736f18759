"""Activation functions: one number in, one number out (Softmax: one row)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from minidl.nn.module import Module

# From so many numbers on, the formula is faster than torch.tanh, by 2.2 times in the end; below,
# its five calls take longer than the one. Both are exact to some 1e-7 in float32.
MANY = 4096


class Activation(Module):
    """y = f(x), dx = dy · f'(x), elementwise; any shape.

    Where `reads_input` is False, f' is written in terms of y, so that y may take the place of x.
    """

    prefix = "act"
    reads_input = False
    activates = True

    def output_buffer(self, x: Tensor) -> Tensor:
        """Where y goes: over x if nobody else needs x."""
        if self.may_overwrite_input and not self.reads_input:
            return x
        return self.scratch("y", x)

    def grad_buffer(self, grad_output: Tensor) -> Tensor:
        """Where dx goes: over dy if nobody else needs dy."""
        if self.may_overwrite_grad:
            return grad_output
        return self.scratch("grad_input", grad_output)


class ReLU(Activation):
    """y = max(0, x)        dx = dy · 1[x > 0]

    (Nair & Hinton 2010). y > 0 where x > 0.
    """

    gain = math.sqrt(2)

    def forward(self, x: Tensor) -> Tensor:
        self.y = torch.maximum(x, self.constant(0, x), out=self.output_buffer(x))
        return self.y

    def backward(self, grad_output: Tensor) -> Tensor:
        slope = torch.gt(self.y, self.constant(0, self.y), out=self.scratch("slope", self.y))
        return torch.mul(grad_output, slope, out=self.grad_buffer(grad_output))


class LeakyReLU(Activation):
    """y = max(0, x) + α min(0, x)        dx = dy · (α + (1 − α) 1[x > 0])

    (Maas et al. 2013), α = `negative_slope`.
    """

    reads_output = False

    def __init__(self, negative_slope: float = 0.01) -> None:
        if not negative_slope >= 0:
            raise ValueError(f"negative_slope must be >= 0, but got {negative_slope}")
        super().__init__()
        self.negative_slope = negative_slope
        self.gain = math.sqrt(2 / (1 + negative_slope**2))

    def forward(self, x: Tensor) -> Tensor:
        zero, alpha = self.constant(0, x), self.constant(self.negative_slope, x)
        self.positive = torch.maximum(x, zero, out=self.scratch("positive", x))
        negative = torch.minimum(x, zero, out=self.output_buffer(x))
        return negative.mul_(alpha).add_(self.positive)

    def backward(self, grad_output: Tensor) -> Tensor:
        slope = torch.sign(self.positive, out=self.scratch("slope", self.positive))
        slope.mul_(self.constant(1 - self.negative_slope, slope))
        slope.add_(self.constant(self.negative_slope, slope))
        return torch.mul(grad_output, slope, out=self.grad_buffer(grad_output))

    def __repr__(self) -> str:
        return f"LeakyReLU({self.negative_slope})"


class Sigmoid(Activation):
    """y = 1 / (1 + e⁻ˣ)        dx = dy · (1 − y) y"""

    def forward(self, x: Tensor) -> Tensor:
        self.y = torch.sigmoid(x, out=self.output_buffer(x))
        return self.y

    def backward(self, grad_output: Tensor) -> Tensor:
        one = self.constant(1, self.y)
        slope = torch.sub(one, self.y, out=self.scratch("slope", self.y)).mul_(self.y)
        return torch.mul(grad_output, slope, out=self.grad_buffer(grad_output))


class Tanh(Activation):
    """y = (e²ˣ − 1) / (e²ˣ + 1)        dx = dy · (1 − y²) = dy − (dy · y) y"""

    gain = 5 / 3

    def forward(self, x: Tensor) -> Tensor:
        if x.numel() < MANY or x.device.type != "cpu":
            self.y = torch.tanh(x, out=self.output_buffer(x))
            return self.y
        # e²ˣ − 1 is exact near 0, too; from x = 20 on y rounds to 1 anyway.
        power = torch.add(x, x, out=self.scratch("power", x)).clamp_max_(40).expm1_()
        self.y = torch.add(power, self.constant(2, power), out=self.output_buffer(x))
        return torch.div(power, self.y, out=self.y)

    def backward(self, grad_output: Tensor) -> Tensor:
        product = torch.mul(grad_output, self.y, out=self.scratch("product", self.y))
        grad_input = self.grad_buffer(grad_output)
        return torch.addcmul(grad_output, product, self.y, value=-1, out=grad_input)


class GELU(Activation):
    """y = x Φ(x)        dx = dy · (Φ(x) + x φ(x))

    (Hendrycks & Gimpel 2016), with the normal distribution's Φ(x) = (1 + erf(x/√2)) / 2 and
    φ(x) = e^(−x²/2) / √(2π).
    """

    reads_input = True
    reads_output = False
    gain = math.sqrt(2)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        self.cdf = torch.mul(x, self.constant(math.sqrt(0.5), x), out=self.scratch("cdf", x))
        self.cdf.erf_().add_(self.constant(1, x)).mul_(self.constant(0.5, x))
        return torch.mul(x, self.cdf, out=self.output_buffer(x))

    def backward(self, grad_output: Tensor) -> Tensor:
        x = self.x
        density = torch.mul(x, x, out=self.scratch("density", x)).mul_(self.constant(-0.5, x))
        density.exp_().mul_(self.constant(1 / math.sqrt(2 * math.pi), x))
        slope = density.mul_(x).add_(self.cdf)
        return torch.mul(grad_output, slope, out=self.grad_buffer(grad_output))


class SiLU(Activation):
    """y = x σ(x)        dx = dy · (σ(x) + y (1 − σ(x)))

    (Elfwing et al. 2018), also called Swish; σ is the sigmoid.
    """

    gain = math.sqrt(2)

    def forward(self, x: Tensor) -> Tensor:
        self.sigmoid = torch.sigmoid(x, out=self.scratch("sigmoid", x))
        self.y = torch.mul(x, self.sigmoid, out=self.output_buffer(x))
        return self.y

    def backward(self, grad_output: Tensor) -> Tensor:
        slope = torch.mul(self.y, self.sigmoid, out=self.scratch("slope", self.y))
        torch.sub(self.y, slope, out=slope).add_(self.sigmoid)  # y − yσ + σ
        return torch.mul(grad_output, slope, out=self.grad_buffer(grad_output))


class Softmax(Activation):
    """yᵢ = e^(xᵢ) / Σⱼ e^(xⱼ)        dxᵢ = yᵢ (dyᵢ − Σⱼ dyⱼ yⱼ), over the last dimension.

    Computed as e^(x − logsumexp(x)), which is finite for inputs of any size.
    """

    def forward(self, x: Tensor) -> Tensor:
        log_sum = self.buffer("log_sum", (*x.shape[:-1], 1), x)
        torch.logsumexp(x, -1, keepdim=True, out=log_sum)
        self.y = torch.sub(x, log_sum, out=self.output_buffer(x)).exp_()
        return self.y

    def backward(self, grad_output: Tensor) -> Tensor:
        weighted = torch.mul(grad_output, self.y, out=self.scratch("weighted", self.y))
        total = self.buffer("total", (*grad_output.shape[:-1], 1), grad_output)
        torch.sum(weighted, -1, keepdim=True, out=total)
        centred = torch.sub(grad_output, total, out=self.grad_buffer(grad_output))
        return centred.mul_(self.y)
