"""Normalisation: to mean 0 and variance 1, then a scale and a shift that are learned.

For every group of n numbers that are normalised together

    μ = Σ x / n,   σ² = Σ (x − μ)² / n,   x̂ = (x − μ) / √(σ² + ε),   y = γ x̂ + β

and, with dx̂ = γ dy,

    dγ = Σ dy x̂,   dβ = Σ dy,   dx = (dx̂ − Σ dx̂ / n − x̂ Σ (dx̂ x̂) / n) / √(σ² + ε)

The layers differ in what a group is, and in which places share a γ and a β.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Generator, Tensor

from minidl.nn.init import Initializer
from minidl.nn.module import Module
from minidl.nn.parameter import Parameter
from minidl.nn.windows import times


class _Norm(Module):
    """The formulas above. Shapes of a group's or a parameter's numbers: x's with 1 for summed."""

    prefix = "norm"
    reads_input = False
    reads_output = False

    def __init__(self, shape: tuple[int, ...], eps: float) -> None:
        if min(shape, default=0) < 1:
            raise ValueError(f"{type(self).__name__} needs sizes of at least 1, got {shape}")
        if not eps > 0:
            raise ValueError(f"eps must be > 0, but got {eps}")
        super().__init__()
        self.eps = eps
        self.weight = Parameter(torch.ones(shape))
        self.bias = Parameter(torch.zeros(shape))

    def group_dims(self, x: Tensor) -> list[int]:
        """The dimensions that are normalised together."""
        raise NotImplementedError

    def shared_dims(self, x: Tensor) -> list[int]:
        """The dimensions along which γ and β are the same."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        self.check_input(x)
        dims = self.group_dims(x)
        mean = self.mean("mean", x, dims)
        centred = torch.sub(x, mean, out=self.scratch("normal", x))
        squares = torch.mul(centred, centred, out=self.scratch("squares", x))
        variance = self.mean("variance", squares, dims)
        self.remember(x, mean, variance)
        return self.scaled(centred, variance)

    def scaled(self, centred: Tensor, variance: Tensor) -> Tensor:
        """y, from x − μ (which becomes x̂) and σ²."""
        self.inverse = self.scratch("inverse", variance)
        torch.add(variance, self.constant(self.eps, variance), out=self.inverse).rsqrt_()
        self.normal = centred.mul_(self.inverse)
        gamma, beta = self.spread(self.weight.data), self.spread(self.bias.data)
        return torch.addcmul(beta, self.normal, gamma, out=self.scratch("y", centred))

    def backward(self, grad_output: Tensor) -> Tensor:
        normal, dims = self.normal, self.group_dims(grad_output)
        product = torch.mul(grad_output, normal, out=self.scratch("product", normal))
        self.add_gradient(self.weight, product)
        self.add_gradient(self.bias, grad_output)
        gamma = self.spread(self.weight.data)
        grad_normal = torch.mul(grad_output, gamma, out=self.scratch("grad_normal", normal))
        torch.mul(grad_normal, normal, out=product)
        slope, offset = self.mean("slope", product, dims), self.mean("offset", grad_normal, dims)
        grad_normal.addcmul_(normal, slope, value=-1).sub_(offset)
        return grad_normal.mul_(self.inverse)

    def remember(self, x: Tensor, mean: Tensor, variance: Tensor) -> None:
        """Keep what evaluation needs of the batch's statistics."""

    def mean(self, name: str, x: Tensor, dims: list[int]) -> Tensor:
        """The mean over these dimensions, which stay with size 1."""
        out = self.buffer(name, [1 if d in dims else n for d, n in enumerate(x.shape)], x)
        share = 1 / math.prod(x.shape[d] for d in dims)
        return torch.sum(x, dims, keepdim=True, out=out).mul_(self.constant(share, x))

    def spread(self, values: Tensor) -> Tensor:
        """γ or β as a view that multiplies with x."""
        return values.view(self.parameter_shape)

    def add_gradient(self, parameter: Parameter, terms: Tensor) -> None:
        """Add the sum of the terms over all places that share a number."""
        sums = self.buffer("sums", self.parameter_shape, terms)
        torch.sum(terms, self.shared_dims(terms), keepdim=True, out=sums)
        self.spread(parameter.grad).add_(sums)

    def check_input(self, x: Tensor) -> None:
        """Raise ValueError for a wrong shape."""
        lead = 1 if self.networks is None else 2
        try:
            self.output_shape(tuple(x.shape[lead:]))
        except ValueError:
            raise ValueError(f"{self} can't take an input of shape {tuple(x.shape)}") from None
        shared = self.shared_dims(x)
        self.parameter_shape = [1 if d in shared else n for d, n in enumerate(x.shape)]

    def draw_parameters(
        self, init: Initializer, gain: float | None, generator: Generator, network: int
    ) -> None:
        """γ = 1 and β = 0, whatever the initialiser."""
        self.weight.network(network).fill_(1)
        self.bias.network(network).zero_()


class _BatchNorm(_Norm):
    """A group: one channel over the whole batch of one network."""

    sample_dims: ClassVar[tuple[int, ...]]

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__((num_features,), eps)
        if not 0 < momentum <= 1:
            raise ValueError(f"momentum must be above 0 and at most 1, but got {momentum}")
        self.num_features, self.momentum = num_features, momentum
        self.statistics["running_mean"] = torch.zeros(num_features)
        self.statistics["running_var"] = torch.ones(num_features)

    def forward(self, x: Tensor) -> Tensor:
        self.by_batch = self.training
        if self.by_batch:
            return super().forward(x)
        self.check_input(x)
        mean, variance = (self.spread(values) for values in self.statistics.values())
        return self.scaled(torch.sub(x, mean, out=self.scratch("normal", x)), variance)

    def backward(self, grad_output: Tensor) -> Tensor:
        if self.by_batch:
            return super().backward(grad_output)
        product = torch.mul(grad_output, self.normal, out=self.scratch("product", self.normal))
        self.add_gradient(self.weight, product)
        self.add_gradient(self.bias, grad_output)
        factor = torch.mul(
            self.inverse, self.spread(self.weight.data), out=self.scratch("factor", self.inverse)
        )
        return torch.mul(grad_output, factor, out=self.scratch("grad_normal", self.normal))

    def remember(self, x: Tensor, mean: Tensor, variance: Tensor) -> None:
        n = math.prod(x.shape[d] for d in self.group_dims(x))
        if n == 1:
            raise ValueError(
                f"{self} needs more than one value per channel while training, but gets an input "
                f"of shape {tuple(x.shape)}"
            )
        weights = (self.momentum, self.momentum * n / (n - 1))  # the variance's without bias
        for running, now, weight in zip(
            self.statistics.values(), (mean, variance), weights, strict=True
        ):
            kept = self.constant(1 - self.momentum, running)
            self.spread(running).mul_(kept).addcmul_(now, self.constant(weight, running))

    def group_dims(self, x: Tensor) -> list[int]:
        sample = 0 if self.networks is None else 1
        return [sample, *range(sample + 2, x.dim())]

    def shared_dims(self, x: Tensor) -> list[int]:
        return self.group_dims(x)

    def draw_parameters(
        self, init: Initializer, gain: float | None, generator: Generator, network: int
    ) -> None:
        super().draw_parameters(init, gain, generator, network)
        for values, start in zip(self.statistics.values(), (0, 1), strict=True):
            (values if self.networks is None else values[network]).fill_(start)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) not in self.sample_dims or input_shape[0] != self.num_features:
            raise ValueError(f"{self} can't take samples of shape {input_shape}")
        return input_shape

    def __repr__(self) -> str:
        eps = f", eps={self.eps}" if self.eps != 1e-5 else ""
        momentum = f", momentum={self.momentum}" if self.momentum != 0.1 else ""
        return f"{type(self).__name__}({self.num_features}{eps}{momentum})"


class BatchNorm1d(_BatchNorm):
    """Normalises each feature over the batch (Ioffe & Szegedy 2015); formulas above.

    Shapes: x and y (..., N, C) or (..., N, C, L), γ and β (..., C); a network of a stack has its
    own batch. In evaluation μ and σ² are running averages of what training saw,
        running ← (1 − momentum) running + momentum · batch's   (σ² with n − 1 in place of n)
    in `statistics`, and dx = γ dy / √(σ² + ε).
    """

    sample_dims = (1, 2)


class BatchNorm2d(_BatchNorm):
    """Normalises each channel over the batch and all pixels; as BatchNorm1d.

    Shapes: x and y (..., N, C, H, W), γ and β (..., C).
    """

    sample_dims = (3,)


class LayerNorm(_Norm):
    """Normalises each sample over its last dimensions (Ba et al. 2016); formulas above.

    Shapes: x and y (..., N, *, *normalized_shape), γ and β (..., *normalized_shape).
    """

    def __init__(self, normalized_shape: int | Sequence[int], eps: float = 1e-5) -> None:
        given = normalized_shape
        shape = (given,) if isinstance(given, int) else tuple(given)
        super().__init__(shape, eps)
        self.normalized_shape = shape

    def group_dims(self, x: Tensor) -> list[int]:
        return list(range(x.dim() - len(self.normalized_shape), x.dim()))

    def shared_dims(self, x: Tensor) -> list[int]:
        return list(range(0 if self.networks is None else 1, self.group_dims(x)[0]))

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if input_shape[-len(self.normalized_shape) :] != self.normalized_shape:
            raise ValueError(f"{self} can't normalise the last dimensions of {times(input_shape)}")
        return input_shape

    def __repr__(self) -> str:
        shape = self.normalized_shape
        eps = f", eps={self.eps}" if self.eps != 1e-5 else ""
        return f"LayerNorm({shape[0] if len(shape) == 1 else shape}{eps})"
