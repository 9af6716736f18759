"""Normalisation: to mean 0 and variance 1, then a scale and a shift that are learned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Generator, Tensor

from minidl.nn.described import Described
from minidl.nn.init import Initializer
from minidl.nn.parameter import Parameter


class _Norm(Described):
    """For every group of n numbers that are normalised together

    μ = Σ x / n,   σ² = Σ (x − μ)² / n,   x̂ = (x − μ) / √(σ² + ε),   y = γ x̂ + β

    and, with dx̂ = γ dy,

    dγ = Σ dy x̂,   dβ = Σ dy,   dx = (dx̂ − Σ dx̂ / n − x̂ Σ (dx̂ x̂) / n) / √(σ² + ε)
    """

    prefix = "norm"
    moments_of_x = True  # or those of earlier batches, which no gradient flows through

    def __init__(self, shape: tuple[int, ...], eps: float) -> None:
        if min(shape, default=0) < 1:
            raise ValueError(f"{type(self).__name__} needs sizes of at least 1, got {shape}")
        if not eps > 0:
            raise ValueError(f"eps must be > 0, but got {eps}")
        super().__init__()
        self.eps = eps
        self.weight = Parameter(torch.ones(shape))
        self.bias = Parameter(torch.zeros(shape))

    def dims(self, x: Tensor) -> tuple[list[int], list[int]]:
        """The dimensions normalised together; those along which γ and β are the same."""
        raise NotImplementedError

    def spread(self, values: Tensor, x: Tensor) -> Tensor:
        """γ or β as a view that multiplies with x."""
        return values.view([1 if d in self.shared else n for d, n in enumerate(x.shape)])

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """μ and σ², with x's dimensions."""
        mean = x.mean(self.group, keepdim=True)
        centred = x - mean
        return mean, (centred * centred).mean(self.group, keepdim=True)

    def forward(self, x: Tensor) -> Tensor:
        self.group, self.shared = self.dims(x)
        mean, variance = self.moments(x)
        self.inverse = (variance + self.eps).rsqrt()
        self.normal = (x - mean) * self.inverse
        return self.spread(self.weight.data, x) * self.normal + self.spread(self.bias.data, x)

    def backward(self, grad_output: Tensor) -> Tensor:
        self.weight.grad += (grad_output * self.normal).sum(self.shared)
        self.bias.grad += grad_output.sum(self.shared)
        grad_normal = grad_output * self.spread(self.weight.data, grad_output)
        if self.moments_of_x:
            offset = grad_normal.mean(self.group, keepdim=True)
            slope = (grad_normal * self.normal).mean(self.group, keepdim=True)
            grad_normal = grad_normal - offset - self.normal * slope
        return grad_normal * self.inverse

    def draw_parameters(self, init: Initializer, gain: float | None, generator: Generator) -> None:
        """γ = 1 and β = 0, whatever the initialiser."""
        self.weight.data.fill_(1)
        self.bias.data.zero_()


class _BatchNorm(_Norm):
    """A group: one channel over the whole batch."""

    forms: ClassVar[str]  # of inputs of C features

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__((num_features,), eps)
        if not 0 < momentum <= 1:
            raise ValueError(f"momentum must be above 0 and at most 1, but got {momentum}")
        self.num_features, self.momentum = num_features, momentum
        self.takes = self.forms.replace("C", str(num_features))
        self.statistics["running_mean"] = torch.zeros(num_features)
        self.statistics["running_var"] = torch.ones(num_features)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.moments_of_x = self.training
        running_mean, running_var = self.statistics["running_mean"], self.statistics["running_var"]
        if not self.training:
            return self.spread(running_mean, x), self.spread(running_var, x)
        n = math.prod(x.shape[d] for d in self.group)
        if n == 1:
            raise ValueError(
                f"{self} needs more than one value per channel while training, but gets an input "
                f"of shape {tuple(x.shape)}"
            )
        mean, variance = super().moments(x)
        running_mean.mul_(1 - self.momentum).add_(self.momentum * mean.flatten())
        running_var.mul_(1 - self.momentum).add_(self.momentum * n / (n - 1) * variance.flatten())
        return mean, variance

    def dims(self, x: Tensor) -> tuple[list[int], list[int]]:
        return [0, *range(2, x.dim())], [0, *range(2, x.dim())]

    def draw_parameters(self, init: Initializer, gain: float | None, generator: Generator) -> None:
        super().draw_parameters(init, gain, generator)
        self.statistics["running_mean"].zero_()
        self.statistics["running_var"].fill_(1)


class BatchNorm1d(_BatchNorm):
    """Normalises each feature, (N, C) or (N, C, L), over the batch (Ioffe & Szegedy 2015).

    In evaluation dx = γ dy / √(σ² + ε), where μ and σ² are averages of what training saw,
        running ← (1 − momentum) running + momentum · batch's   (σ² with n − 1 in place of n).
    """

    forms = "(N, C) or (N, C, L)"


class BatchNorm2d(_BatchNorm):
    """BatchNorm1d for images, (N, C, H, W): each channel over the batch and all pixels."""

    forms = "images (N, C, H, W)"


class LayerNorm(_Norm):
    """Normalises each sample, (*, *normalized_shape), over its last dimensions (Ba et al. 2016)."""

    def __init__(self, normalized_shape: int | Sequence[int], eps: float = 1e-5) -> None:
        given = normalized_shape
        self.normalized_shape = (given,) if isinstance(given, int) else tuple(given)
        super().__init__(self.normalized_shape, eps)
        self.takes = f"(N, ..., {', '.join(map(str, self.normalized_shape))})"

    def dims(self, x: Tensor) -> tuple[list[int], list[int]]:
        first = x.dim() - len(self.normalized_shape)
        return list(range(first, x.dim())), list(range(first))

    def __repr__(self) -> str:
        shape = self.normalized_shape
        eps = f", eps={self.eps}" if self.eps != 1e-5 else ""
        return f"LayerNorm({shape[0] if len(shape) == 1 else shape}{eps})"
