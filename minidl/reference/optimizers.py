"""Optimizers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from minidl import optim


def optimizer_counterpart(
    optimizer: optim.Optimizer, parameters: Iterable[Tensor]
) -> torch.optim.Optimizer:
    """PyTorch's optimizer with the same options, before its first step, on these parameters.

    Raises KeyError for an optimizer that has none.
    """
    theirs, _ = OPTIMIZERS[type(optimizer)]
    return theirs(optimizer, list(parameters), dict(optimizer.hyperparameters))


class DecoupledSGD(torch.optim.SGD):
    """Report 002: θ ← θ_new − ηλ θ_old, which torch.optim.SGD can't do."""

    def __init__(self, parameters: list[Tensor], weight_decay: float, **options: Any) -> None:
        super().__init__(parameters, **options)
        self.decay = weight_decay

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    p.mul_(1 - group["lr"] * self.decay)
        super().step()


def _sgd(optimizer: optim.SGD, parameters: list[Tensor], hyper: Any) -> torch.optim.Optimizer:
    if optimizer.decoupled:
        return DecoupledSGD(parameters, nesterov=optimizer.nesterov, **hyper)
    return torch.optim.SGD(parameters, nesterov=optimizer.nesterov, **hyper)


def _rmsprop(
    optimizer: optim.RMSprop, parameters: list[Tensor], hyper: Any
) -> torch.optim.Optimizer:
    return torch.optim.RMSprop(parameters, centered=optimizer.centered, **hyper)


def _adam(optimizer: optim.Adam, parameters: list[Tensor], hyper: Any) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if isinstance(optimizer, optim.AdamW) else torch.optim.Adam
    betas = hyper.pop("beta1"), hyper.pop("beta2")
    return kind(parameters, betas=betas, amsgrad=optimizer.amsgrad, **hyper)


def _adagrad(
    optimizer: optim.Adagrad, parameters: list[Tensor], hyper: Any
) -> torch.optim.Optimizer:
    start = optimizer.initial_accumulator_value
    return torch.optim.Adagrad(parameters, initial_accumulator_value=start, **hyper)


Theirs = Callable[..., torch.optim.Optimizer]
# PyTorch's, and the options that are tried: together all that there are.
OPTIMIZERS: dict[type[optim.Optimizer], tuple[Theirs, Sequence[dict[str, Any]]]] = {
    optim.SGD: (
        _sgd,
        [
            {"lr": 0.1},
            {"lr": 0.1, "momentum": 0.9},
            {"lr": 0.1, "momentum": 0.9, "dampening": 0.5},
            {"lr": 0.1, "momentum": 0.9, "nesterov": True},
            {"lr": 0.1, "weight_decay": 0.1},
            {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
            {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1, "decoupled": True},
        ],
    ),
    optim.RMSprop: (
        _rmsprop,
        [
            {"lr": 0.02},
            {"lr": 0.02, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1},
            {"lr": 0.02, "momentum": 0.9},
            {"lr": 0.02, "momentum": 0.9, "centered": True},
        ],
    ),
    optim.Adam: (
        _adam,
        [
            {"lr": 0.01},
            {"lr": 0.01, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1},
            {"lr": 0.01, "amsgrad": True},
        ],
    ),
    optim.AdamW: (
        _adam,
        [
            {"lr": 0.01},
            {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.3, "eps": 1e-3, "amsgrad": True},
        ],
    ),
    optim.Adagrad: (
        _adagrad,
        [
            {"lr": 0.1},
            {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "eps": 1e-3}
            | {"initial_accumulator_value": 0.5},
        ],
    ),
}
