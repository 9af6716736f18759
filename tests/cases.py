"""Every loss and optimizer with the options that `minidl.reference` has; layers: layer_cases.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import torch
from layer_cases import LAYERS as LAYERS
from layer_cases import LayerCase as LayerCase
from torch import Tensor

from minidl import nn, optim, reference
from minidl.reference import optimizer_counterpart
from minidl.reference.losses import Draw

# Central differences in float64 with h = 1e-5 are off by h² f'''/6 ≈ 1e-10 and by rounding,
# 1e-16 / h = 1e-11.
DIFFERENCES = 1e-7


@dataclass(frozen=True)
class LossCase:
    """A loss, and how outputs and targets of N samples are made from a generator."""

    make: Callable[[], nn.Loss]
    sample: tuple[int, ...]
    draw_output: Draw
    draw_target: Draw

    def output(self, n: int, generator: torch.Generator) -> Tensor:
        return self.draw_output((n, *self.sample), generator)

    def target(self, n: int, generator: torch.Generator) -> Tensor:
        return self.draw_target((n, *self.sample), generator)

    def __repr__(self) -> str:
        return repr(self.make())


def _loss_cases() -> Iterator[LossCase]:
    for kind, cases in reference.LOSSES.items():
        for sample, target in cases.tried:
            for reduction in ("mean", "sum", "batchmean"):
                yield LossCase(partial(kind, reduction), sample, cases.output, target)
            if cases.options:
                yield LossCase(partial(kind, **cases.options), sample, cases.output, target)


LOSSES = list(_loss_cases())


@dataclass(frozen=True)
class OptimizerCase:
    """An optimizer with options."""

    kind: type[optim.Optimizer]
    options: dict[str, Any]

    def make(self, network: nn.Module, **more: Any) -> optim.Optimizer:
        return self.kind(network, **{**self.options, **more})

    def reference(self, parameters: list[Tensor]) -> torch.optim.Optimizer:
        return optimizer_counterpart(self.make(nn.Linear(1, 1)), parameters)

    def __repr__(self) -> str:
        return f"{self.kind.__name__}({self.options})"


OPTIMIZERS = [
    OptimizerCase(kind, options)
    for kind, (_, tried) in reference.OPTIMIZERS.items()
    for options in tried
]


def central_differences(function: object, x: Tensor, h: float = 1e-5) -> Tensor:
    """The gradient of a number-valued function at x, entry by entry."""
    grad = torch.zeros_like(x)
    flat, into = x.view(-1), grad.view(-1)
    for i in range(flat.numel()):
        before = flat[i].item()
        flat[i] = before + h
        high = function()  # type: ignore[operator]
        flat[i] = before - h
        low = function()  # type: ignore[operator]
        flat[i] = before
        into[i] = (high - low) / (2 * h)
    return grad


def error(a: Tensor, b: Tensor | None) -> float:
    """Largest difference, relative to the largest entry of the reference b."""
    assert b is not None
    scale = max(b.abs().max().item(), torch.finfo(torch.float64).tiny)
    return (a - b).abs().max().item() / scale


def with_parameters(layer: nn.Module, seed: int = 3) -> nn.Module:
    """The layer with all parameters drawn, also those that start as 1 or 0."""
    layer.initialize(seed=seed)
    generator = torch.Generator().manual_seed(seed)
    for parameter in layer.parameters():
        noise = torch.randn(parameter.data.shape, generator=generator, dtype=torch.float64)
        parameter.data.add_(0.1 * noise)
    return layer


def samples(shape: tuple[int, ...], count: int = 7) -> Tensor:
    """`count` standard normal float64 samples of that shape."""
    generator = torch.Generator().manual_seed(5)
    return torch.randn(count, *shape, generator=generator, dtype=torch.float64)


def network_and_loss() -> tuple[nn.Sequential, nn.Loss]:
    """A small network in float64, and its loss."""
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).to(dtype=torch.float64)
    return network.initialize(seed=1), nn.MSELoss()


def step(
    network: nn.Module, loss: nn.Loss, optimizer: optim.Optimizer, x: Tensor, target: Tensor
) -> Tensor:
    """One step of training; returns the loss before it."""
    value = loss.forward(network.forward(x), target)
    optimizer.zero_grad()
    network.backward(loss.backward())
    optimizer.step()
    return value


def public(package: ModuleType, base: type) -> set[type]:
    """The classes that a package exports, without their base."""
    found = (getattr(package, name) for name in package.__all__)
    return {kind for kind in found if isinstance(kind, type) and issubclass(kind, base)} - {base}
