"""Activation functions."""

import math
from typing import Literal

import torch
from torch import Tensor

from minidl.nn.module import Module

_U = math.sqrt(2 / math.pi)  # of GELU by tanh


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


class ELU(Activation):
    """y = x, or α (eˣ − 1) where x ≤ 0; dx = dy or (y + α) dy; α is `alpha` (Clevert et al. 2016).

    Below 0 it bends to −α instead of breaking off; for α = 1 it has no kink.
    """

    gain = math.sqrt(2)

    def __init__(self, alpha: float = 1.0) -> None:
        if not alpha >= 0:
            raise ValueError(f"alpha must be >= 0, but got {alpha}")
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        self.positive = x > 0
        self.below = self.alpha * x.clamp(max=0).expm1()
        return torch.where(self.positive, x, self.below)

    def backward(self, grad_output: Tensor) -> Tensor:
        return torch.where(self.positive, grad_output, (self.below + self.alpha) * grad_output)

    def __repr__(self) -> str:
        return f"ELU({self.alpha})"


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


class Softplus(Activation):
    """y = ln(1 + e^(β x)) / β        dx = dy · σ(β x)        (Dugas et al. 2001)

    σ is the sigmoid, β `beta`. PyTorch takes x itself for y beyond a threshold; here it is exact.
    """

    def __init__(self, beta: float = 1.0) -> None:
        if not beta > 0:
            raise ValueError(f"beta must be > 0, but got {beta}")
        super().__init__()
        self.beta = beta

    def forward(self, x: Tensor) -> Tensor:
        self.slope = (self.beta * x).sigmoid()
        return softplus(self.beta * x) / self.beta

    def backward(self, grad_output: Tensor) -> Tensor:
        return grad_output * self.slope

    def __repr__(self) -> str:
        return f"Softplus({self.beta})"


def softplus(x: Tensor) -> Tensor:
    """ln(1 + eˣ), of which no power overflows."""
    return x.clamp(min=0) + (-x.abs()).exp().log1p()


class Mish(Activation):
    """y = x t        dx = dy · (t + x σ(x) (1 − t²))        t = tanh(ln(1 + eˣ))  (Misra 2020)"""

    gain = math.sqrt(2)

    def forward(self, x: Tensor) -> Tensor:
        self.x, self.t = x, softplus(x).tanh()
        return x * self.t

    def backward(self, grad_output: Tensor) -> Tensor:
        return grad_output * (self.t + self.x * self.x.sigmoid() * (1 - self.t * self.t))


class GELU(Activation):
    """y = x Φ(x)        dx = dy · (Φ(x) + x φ(x))        (Hendrycks & Gimpel 2016)

    The normal distribution's Φ(x) = (1 + erf(x / √2)) / 2 and φ(x) = e^(−x²/2) / √(2π). With
    `approximate` "tanh", Φ(x) = (1 + tanh u) / 2 with u = √(2/π) (x + 0.044715 x³); φ is its slope.
    """

    gain = math.sqrt(2)

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ValueError(f"approximate must be none or tanh, but got {approximate!r}")
        super().__init__()
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        if self.approximate == "tanh":
            self.cdf = (1 + (_U * (x + 0.044715 * x * x * x)).tanh()) * 0.5
        else:
            self.cdf = (1 + (x * math.sqrt(0.5)).erf()) * 0.5
        return x * self.cdf

    def backward(self, grad_output: Tensor) -> Tensor:
        square = self.x * self.x
        if self.approximate == "tanh":
            density = 2 * self.cdf * (1 - self.cdf) * (_U * (1 + 3 * 0.044715 * square))
        else:
            density = (square * -0.5).exp() * (1 / math.sqrt(2 * math.pi))
        return grad_output * (self.cdf + self.x * density)

    def __repr__(self) -> str:
        return "GELU()" if self.approximate == "none" else f"GELU({self.approximate!r})"


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
