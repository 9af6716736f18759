"""Activation functions."""

import math

import torch
from torch import Tensor

from minidl.nn.module import Module


class Activation(Module):
    """y = f(x)        dx = dy · f'(x), each number by itself (Softmax: each row); any shape."""

    prefix = "act"
    activates = True


class ReLU(Activation):
    """y = max(0, x)        dx = dy · 1[x > 0]        (Nair & Hinton 2010)"""

    gain = math.sqrt(2)

    def forward(self, x: Tensor) -> Tensor:
        self.y = x.clamp(min=0)
        return self.y

    def backward(self, grad_output: Tensor) -> Tensor:
        return grad_output * (self.y > 0)  # where x > 0


class LeakyReLU(Activation):
    """y = x, or α x where x ≤ 0; dx = dy or α dy; α is `negative_slope` (Maas et al. 2013)."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        if not negative_slope >= 0:
            raise ValueError(f"negative_slope must be >= 0, but got {negative_slope}")
        super().__init__()
        self.negative_slope = negative_slope
        self.gain = math.sqrt(2 / (1 + negative_slope * negative_slope))

    def forward(self, x: Tensor) -> Tensor:
        self.positive = x > 0
        return torch.where(self.positive, x, self.negative_slope * x)

    def backward(self, grad_output: Tensor) -> Tensor:
        return torch.where(self.positive, grad_output, self.negative_slope * grad_output)

    def __repr__(self) -> str:
        return f"LeakyReLU({self.negative_slope})"


class Sigmoid(Activation):
    """y = 1 / (1 + e⁻ˣ)        dx = dy · y (1 − y)"""

    def forward(self, x: Tensor) -> Tensor:
        self.y = x.sigmoid()
        return self.y

    def backward(self, grad_output: Tensor) -> Tensor:
        return grad_output * self.y * (1 - self.y)


class Tanh(Activation):
    """y = (e²ˣ − 1) / (e²ˣ + 1)        dx = dy · (1 − y²)"""

    gain = 5 / 3

    def forward(self, x: Tensor) -> Tensor:
        self.y = x.tanh()
        return self.y

    def backward(self, grad_output: Tensor) -> Tensor:
        return grad_output * (1 - self.y * self.y)


class GELU(Activation):
    """y = x Φ(x)        dx = dy · (Φ(x) + x φ(x))        (Hendrycks & Gimpel 2016)

    The normal distribution's Φ(x) = (1 + erf(x / √2)) / 2 and φ(x) = e^(−x²/2) / √(2π).
    """

    gain = math.sqrt(2)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        self.cdf = (1 + (x * math.sqrt(0.5)).erf()) * 0.5
        return x * self.cdf

    def backward(self, grad_output: Tensor) -> Tensor:
        density = (self.x * self.x * -0.5).exp() * (1 / math.sqrt(2 * math.pi))
        return grad_output * (self.cdf + self.x * density)


class SiLU(Activation):
    """y = x σ(x)        dx = dy · (σ(x) + y (1 − σ(x))), σ the sigmoid  (Elfwing et al. 2018)"""

    gain = math.sqrt(2)

    def forward(self, x: Tensor) -> Tensor:
        self.sigmoid = x.sigmoid()
        self.y = x * self.sigmoid
        return self.y

    def backward(self, grad_output: Tensor) -> Tensor:
        return grad_output * (self.sigmoid + self.y * (1 - self.sigmoid))


class Softmax(Activation):
    """yᵢ = e^(xᵢ) / Σⱼ e^(xⱼ)        dxᵢ = yᵢ (dyᵢ − Σⱼ dyⱼ yⱼ), over the last dimension."""

    takes = "(N, ..., C)"

    def forward(self, x: Tensor) -> Tensor:
        power = (x - x.amax(-1, keepdim=True)).exp()  # the same y, but no power overflows
        self.y = power / power.sum(-1, keepdim=True)
        return self.y

    def backward(self, grad_output: Tensor) -> Tensor:
        return self.y * (grad_output - (grad_output * self.y).sum(-1, keepdim=True))
