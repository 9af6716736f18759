"""Every loss and optimizer with options worth testing; layers: layer_cases.py.

PyTorch's counterparts are in `minidl.reference`. A test in test_cases.py fails when a public class
has no row here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from layer_cases import LAYERS as LAYERS
from layer_cases import LayerCase as LayerCase
from torch import Tensor

from minidl import nn, optim
from minidl.reference import optimizer_counterpart

# Central differences in float64 with h = 1e-5 are off by h² f'''/6 ≈ 1e-10 and by rounding,
# 1e-16 / h = 1e-11.
DIFFERENCES = 1e-7


@dataclass(frozen=True)
class LossCase:
    """A loss, and how outputs and targets of N samples are made from a generator."""

    make: Callable[[], nn.Loss]
    output: Callable[[int, torch.Generator], Tensor]
    target: Callable[[int, torch.Generator], Tensor]

    def __repr__(self) -> str:
        return repr(self.make())


def _normal(*shape: int) -> Callable[[int, torch.Generator], Tensor]:
    return lambda n, g: torch.randn(n, *shape, generator=g, dtype=torch.float64)


def _unit(*shape: int) -> Callable[[int, torch.Generator], Tensor]:
    return lambda n, g: torch.rand(n, *shape, generator=g, dtype=torch.float64) * 0.98 + 0.01


def _distribution(classes: int) -> Callable[[int, torch.Generator], Tensor]:
    return lambda n, g: _normal(classes)(n, g).softmax(-1)


def _index(classes: int) -> Callable[[int, torch.Generator], Tensor]:
    return lambda n, g: torch.randint(classes, (n,), generator=g)


_LOSSES: list[tuple[type[nn.Loss], Any, Any]] = [
    (nn.MSELoss, _normal(3), _normal(3)),
    (nn.MSELoss, _normal(1), _unit(1)),
    (nn.MSELoss, _normal(3, 4, 2), _unit(3, 4, 2)),
    (nn.BCELoss, _unit(1), _unit(1)),
    (nn.BCEWithLogitsLoss, _normal(2), _unit(2)),
    (nn.CrossEntropyLoss, _normal(4), _index(4)),
    (nn.CrossEntropyLoss, _normal(4), _distribution(4)),
    (nn.CrossEntropyLoss, _normal(4), _unit(4)),
]


def _loss_case(kind: type[nn.Loss], output: Any, target: Any, reduction: Any) -> LossCase:
    return LossCase(lambda: kind(reduction), output, target)


def _smoothed(target: Any) -> LossCase:
    return LossCase(lambda: nn.CrossEntropyLoss(label_smoothing=0.1), _normal(4), target)


LOSSES = [
    _loss_case(*row, reduction) for row in _LOSSES for reduction in ("mean", "sum", "batchmean")
] + [_smoothed(_index(4)), _smoothed(_distribution(4))]


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


def _case(name: str, **options: Any) -> OptimizerCase:
    return OptimizerCase(getattr(optim, name), options)


OPTIMIZERS = [
    _case("SGD", lr=0.1),
    _case("SGD", lr=0.1, momentum=0.9),
    _case("SGD", lr=0.1, momentum=0.9, dampening=0.5),
    _case("SGD", lr=0.1, momentum=0.9, nesterov=True),
    _case("SGD", lr=0.1, weight_decay=0.1),
    _case("SGD", lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    _case("SGD", lr=0.1, momentum=0.9, weight_decay=0.1, decoupled=True),
    _case("RMSprop", lr=0.01),
    _case("RMSprop", lr=0.01, alpha=0.9, eps=1e-3, weight_decay=0.1),
    _case("RMSprop", lr=0.01, momentum=0.9),
    _case("RMSprop", lr=0.01, momentum=0.9, centered=True),
    _case("Adam", lr=0.01),
    _case("Adam", lr=0.01, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.1),
    _case("Adam", lr=0.01, amsgrad=True),
    _case("AdamW", lr=0.01),
    _case("AdamW", lr=0.01, betas=(0.8, 0.9), weight_decay=0.3, amsgrad=True),
    _case("Adagrad", lr=0.1),
    _case(
        "Adagrad", lr=0.1, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.5, eps=1e-3
    ),
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
