"""Normalisation: to mean 0 and variance 1, or to mean square 1; then a learned scale and shift."""

from __future__ import annotations

import inspect
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

    Without `affine`, γ is 1 and β is 0.
    """

    prefix = "norm"
    drawn = True
    moments_of_x = True  # or those of earlier batches, which no gradient flows through

    def __init__(
        self, shape: tuple[int, ...], eps: float | None, affine: bool, bias: bool = True
    ) -> None:
        if min(shape, default=0) < 1:
            raise ValueError(f"{type(self).__name__} needs sizes of at least 1, got {shape}")
        if eps is not None and not eps > 0:
            raise ValueError(f"eps must be > 0, but got {eps}")
        super().__init__()
        self.eps = eps
        self.weight = Parameter(torch.ones(shape)) if affine else None
        self.bias = Parameter(torch.zeros(shape)) if affine and bias else None

    def dims(self, x: Tensor) -> tuple[list[int], list[int]]:
        """The dimensions normalised together; those along which γ and β are the same."""
        raise NotImplementedError

    def spread(self, values: Tensor, x: Tensor) -> Tensor:
        """γ or β as a view that multiplies with x."""
        return values.view([1 if d in self.shared else n for d, n in enumerate(x.shape)])

    def epsilon(self, dtype: torch.dtype) -> float:
        """ε; where none is given, the dtype's."""
        return torch.finfo(dtype).eps if self.eps is None else self.eps

    def mean(self, x: Tensor) -> Tensor:
        """Σ x / n of each group, with x's dimensions."""
        return x.mean(self.group, keepdim=True)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """μ and σ², with x's dimensions."""
        mean = self.mean(x)
        centred = x - mean
        return mean, self.mean(centred * centred)

    def scaled(self) -> Tensor:
        """y, from x̂."""
        y = self.normal
        y = y if self.weight is None else self.spread(self.weight.data, y) * y
        return y if self.bias is None else y + self.spread(self.bias.data, y)

    def backward_to_normal(self, grad_output: Tensor) -> Tensor:
        """Adds dγ and dβ; returns dx̂."""
        if self.bias is not None:
            self.bias.grad += grad_output.sum(self.shared)
        if self.weight is None:
            return grad_output
        self.weight.grad += (grad_output * self.normal).sum(self.shared)
        return grad_output * self.spread(self.weight.data, grad_output)

    def forward(self, x: Tensor) -> Tensor:
        self.group, self.shared = self.dims(x)
        mean, variance = self.moments(x)
        self.inverse = (variance + self.epsilon(x.dtype)).rsqrt()
        self.normal = (x - mean) * self.inverse
        return self.scaled()

    def backward(self, grad_output: Tensor) -> Tensor:
        grad_normal = self.backward_to_normal(grad_output)
        if self.moments_of_x:
            offset, slope = self.mean(grad_normal), self.mean(grad_normal * self.normal)
            grad_normal = grad_normal - offset - self.normal * slope
        return grad_normal * self.inverse

    def draw_parameters(self, init: Initializer, gain: float | None, generator: Generator) -> None:
        """γ = 1 and β = 0, whatever the initialiser."""
        if self.weight is not None:
            self.weight.data.fill_(1)
        if self.bias is not None:
            self.bias.data.zero_()


class _BatchNorm(_Norm):
    """A group: one channel over the whole batch."""

    forms: ClassVar[str]  # of inputs of C features

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True
    ) -> None:
        super().__init__((num_features,), eps, affine)
        if not 0 < momentum <= 1:
            raise ValueError(f"momentum must be above 0 and at most 1, but got {momentum}")
        self.num_features, self.momentum, self.affine = num_features, momentum, affine
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


class GroupNorm(_Norm):
    """Normalises each sample, (N, C, *), over groups of its channels (Wu & He 2018).

    A group: C / num_groups neighbouring channels, with all their pixels. γ and β have an entry per
    channel. Raises ValueError unless num_groups divides C.
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True
    ) -> None:
        super().__init__((num_channels,), eps, affine)
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(
                f"num_groups must divide the {num_channels} channels, but got {num_groups}"
            )
        self.num_groups, self.num_channels, self.affine = num_groups, num_channels, affine
        self.takes = f"(N, {num_channels}, ...)"

    def dims(self, x: Tensor) -> tuple[list[int], list[int]]:
        return [*range(1, x.dim())], [0, *range(2, x.dim())]

    def mean(self, x: Tensor) -> Tensor:
        groups = x.reshape(len(x), self.num_groups, -1).mean(2, keepdim=True)
        channels = groups.expand(-1, -1, self.num_channels // self.num_groups)
        return channels.reshape(*x.shape[:2], *[1] * (x.dim() - 2))


class _LastNorm(_Norm):
    """A group: the last dimensions of a sample, `normalized_shape`."""

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float | None,
        elementwise_affine: bool, bias: bool,
    ) -> None:  # fmt: skip
        given = normalized_shape
        self.normalized_shape = (given,) if isinstance(given, int) else tuple(given)
        super().__init__(self.normalized_shape, eps, elementwise_affine, bias)
        self.elementwise_affine = elementwise_affine
        self.takes = f"(N, ..., {', '.join(map(str, self.normalized_shape))})"

    def dims(self, x: Tensor) -> tuple[list[int], list[int]]:
        first = x.dim() - len(self.normalized_shape)
        return list(range(first, x.dim())), list(range(first))

    def __repr__(self) -> str:
        shape = self.normalized_shape
        options = inspect.signature(type(self)).parameters
        texts = [
            f", {name}={value}"
            for name in ("eps", "elementwise_affine")
            if (value := getattr(self, name)) != options[name].default
        ]
        return f"{type(self).__name__}({shape[0] if len(shape) == 1 else shape}{''.join(texts)})"


class LayerNorm(_LastNorm):
    """Normalises each sample, (*, *normalized_shape), over its last dimensions (Ba et al. 2016)."""

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float = 1e-5,
        elementwise_affine: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(normalized_shape, eps, elementwise_affine, bias=True)


class RMSNorm(_LastNorm):
    """LayerNorm without a mean and a shift (Zhang & Sennrich 2019): with s, the mean square,

    y = γ x̂,   x̂ = x / √(s + ε),   s = Σ x² / n

    and, with dx̂ = γ dy,

    dγ = Σ dy x̂,   dx = (dx̂ − x̂ Σ (dx̂ x̂) / n) / √(s + ε)

    If `eps` is None, ε is the rounding error of x's dtype, 1.2e-7 in float32, as in PyTorch.
    """

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float | None = None,
        elementwise_affine: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(normalized_shape, eps, elementwise_affine, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        self.group, self.shared = self.dims(x)
        self.inverse = (self.mean(x * x) + self.epsilon(x.dtype)).rsqrt()
        self.normal = x * self.inverse
        return self.scaled()

    def backward(self, grad_output: Tensor) -> Tensor:
        grad_normal = self.backward_to_normal(grad_output)
        slope = self.mean(grad_normal * self.normal)
        return (grad_normal - self.normal * slope) * self.inverse
