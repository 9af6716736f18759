"""Optimizers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
    return OPTIMIZERS[type(optimizer)](optimizer, list(parameters), dict(optimizer.hyperparameters))


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


OPTIMIZERS: dict[type[optim.Optimizer], Callable[..., torch.optim.Optimizer]] = {
    optim.SGD: _sgd,
    optim.RMSprop: _rmsprop,
    optim.Adam: _adam,
    optim.AdamW: _adam,
    optim.Adagrad: _adagrad,
}
