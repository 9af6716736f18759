"""Every layer, loss and optimizer with options worth testing, and PyTorch's counterpart.

A test in test_cases.py fails when a public class has no row here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from minidl import nn, optim

STACKS = [None, 3]


@dataclass(frozen=True)
class LayerCase:
    """A layer, the shape of one sample, and its PyTorch reference f(x, *parameters)."""

    make: Callable[[], nn.Module]
    sample: tuple[int, ...]
    reference: Callable[..., Tensor]

    def __repr__(self) -> str:
        return repr(self.make()).replace("\n", " ")


LAYERS = [
    LayerCase(lambda: nn.Linear(4, 3), (4,), functional.linear),
    LayerCase(lambda: nn.Linear(4, 1), (4,), functional.linear),
    LayerCase(lambda: nn.Linear(4, 3, bias=False), (4,), functional.linear),
    LayerCase(nn.ReLU, (5,), functional.relu),
    LayerCase(nn.LeakyReLU, (5,), functional.leaky_relu),
    LayerCase(lambda: nn.LeakyReLU(0.3), (5,), lambda x: functional.leaky_relu(x, 0.3)),
    LayerCase(lambda: nn.LeakyReLU(0.0), (5,), functional.relu),
    LayerCase(nn.Sigmoid, (5,), torch.sigmoid),
    LayerCase(nn.Tanh, (5,), torch.tanh),
    LayerCase(nn.GELU, (5,), functional.gelu),
    LayerCase(nn.SiLU, (5,), functional.silu),
    LayerCase(nn.Softmax, (5,), lambda x: functional.softmax(x, -1)),
    LayerCase(nn.Flatten, (2, 3), lambda x: x.flatten(1)),
    LayerCase(lambda: nn.Dropout(0.0), (5,), lambda x: x),
    LayerCase(
        lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)),
        (4,),
        lambda x, w, b, w2, b2: functional.linear(torch.tanh(functional.linear(x, w, b)), w2, b2),
    ),
    LayerCase(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 3), nn.LeakyReLU(), nn.Dropout(0.0)),
        (2, 3),
        lambda x, w, b: functional.leaky_relu(functional.linear(x.flatten(1), w, b)),
    ),
]


@dataclass(frozen=True)
class LossCase:
    """A loss, and how outputs and targets of N samples are made from a generator."""

    make: Callable[[], nn.Loss]
    output: Callable[[int, torch.Generator], Tensor]
    target: Callable[[int, torch.Generator], Tensor]
    reference: Callable[[Tensor, Tensor], Tensor]

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


def _batchmean(function: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda y, t: function(y, t, reduction="sum") / len(y)


_LOSSES: list[tuple[type[nn.Loss], Any, Any, Callable[..., Tensor]]] = [
    (nn.MSELoss, _normal(3), _normal(3), functional.mse_loss),
    (nn.MSELoss, _normal(1), _unit(1), functional.mse_loss),
    (nn.BCELoss, _unit(1), _unit(1), functional.binary_cross_entropy),
    (nn.BCEWithLogitsLoss, _normal(2), _unit(2), functional.binary_cross_entropy_with_logits),
    (nn.CrossEntropyLoss, _normal(4), _index(4), functional.cross_entropy),
    (nn.CrossEntropyLoss, _normal(4), _distribution(4), functional.cross_entropy),
]


def _loss_case(
    kind: type[nn.Loss], output: Any, target: Any, function: Callable[..., Tensor], reduction: Any
) -> LossCase:
    if reduction == "batchmean":
        return LossCase(lambda: kind(reduction), output, target, _batchmean(function))
    return LossCase(
        lambda: kind(reduction), output, target, lambda y, t: function(y, t, reduction=reduction)
    )


def _smoothed(target: Any) -> LossCase:
    return LossCase(
        lambda: nn.CrossEntropyLoss(label_smoothing=0.1),
        _normal(4),
        target,
        lambda y, t: functional.cross_entropy(y, t, label_smoothing=0.1),
    )


LOSSES = [
    _loss_case(*row, reduction) for row in _LOSSES for reduction in ("mean", "sum", "batchmean")
] + [_smoothed(_index(4)), _smoothed(_distribution(4))]


@dataclass(frozen=True)
class OptimizerCase:
    """An optimizer with options, and PyTorch's."""

    kind: type[optim.Optimizer]
    options: dict[str, Any]
    reference: Callable[[list[Tensor]], torch.optim.Optimizer]

    def make(self, network: nn.Module, **more: Any) -> optim.Optimizer:
        return self.kind(network, **{**self.options, **more})

    def __repr__(self) -> str:
        return f"{self.kind.__name__}({self.options})"


def _same(name: str, **options: Any) -> OptimizerCase:
    reference = getattr(torch.optim, name)
    return OptimizerCase(
        getattr(optim, name), options, lambda p: reference(p, **options, foreach=False)
    )


class DecoupledSGD(torch.optim.SGD):
    """Report 002: θ ← θ_new − ηλ θ_old, which torch.optim.SGD can't do."""

    def __init__(self, parameters: list[Tensor], decay: float, **options: Any) -> None:
        super().__init__(parameters, **options)
        self.decay = decay

    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            old = [p.detach().clone() for p in group["params"]]
            super().step()
            with torch.no_grad():
                for p, before in zip(group["params"], old, strict=True):
                    p.sub_(group["lr"] * self.decay * before)


OPTIMIZERS = [
    _same("SGD", lr=0.1),
    _same("SGD", lr=0.1, momentum=0.9),
    _same("SGD", lr=0.1, momentum=0.9, dampening=0.5),
    _same("SGD", lr=0.1, momentum=0.9, nesterov=True),
    _same("SGD", lr=0.1, weight_decay=0.1),
    _same("SGD", lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    OptimizerCase(
        optim.SGD,
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1, "decoupled": True},
        lambda p: DecoupledSGD(p, 0.1, lr=0.1, momentum=0.9),
    ),
    _same("RMSprop", lr=0.01),
    _same("RMSprop", lr=0.01, alpha=0.9, eps=1e-3, weight_decay=0.1),
    _same("RMSprop", lr=0.01, momentum=0.9),
    _same("RMSprop", lr=0.01, momentum=0.9, centered=True),
    _same("Adam", lr=0.01),
    _same("Adam", lr=0.01, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.1),
    _same("Adam", lr=0.01, amsgrad=True),
    _same("AdamW", lr=0.01),
    _same("AdamW", lr=0.01, betas=(0.8, 0.9), weight_decay=0.3, amsgrad=True),
    _same("Adagrad", lr=0.1),
    _same(
        "Adagrad", lr=0.1, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.5, eps=1e-3
    ),
]


def error(a: Tensor, b: Tensor) -> float:
    """Largest difference, relative to the largest entry of the reference b."""
    scale = max(b.abs().max().item(), torch.finfo(torch.float64).tiny)
    return (a - b).abs().max().item() / scale


def samples(shape: tuple[int, ...], networks: int | None, count: int = 7) -> Tensor:
    """`count` standard normal float64 samples for one network or for a stack."""
    generator = torch.Generator().manual_seed(5)
    lead = () if networks is None else (networks,)
    return torch.randn(*lead, count, *shape, generator=generator, dtype=torch.float64)


def network_and_loss(networks: int | None) -> tuple[nn.Sequential, nn.Loss]:
    """A small network in float64, and its loss."""
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).to(dtype=torch.float64)
    return network.stack(networks).initialize(seed=1), nn.MSELoss().stack(networks)
