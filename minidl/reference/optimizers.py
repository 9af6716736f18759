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

    Raises KeyError for an optimizer that has none. Where the optimizer's own parameters are frozen
    or have a factor at the rate or no penalty, these are the same ones, in their order.
    """
    theirs, _ = OPTIMIZERS[type(optimizer)]
    given: list[Any] = list(parameters)
    own = optimizer.flat.parameters
    if any(one.frozen or one.lr_factor is not None or not one.penalized for one in own):
        pairs = list(zip(own, given, strict=True))
        for one, tensor in pairs:
            tensor.requires_grad_(not one.frozen)
        given = [
            {"params": [tensor], "lr": optimizer.lr * factor, "factor": factor}
            | ({} if one.penalized else {"penalized": False, "weight_decay": 0.0})
            for one, tensor in pairs
            if not one.frozen
            for factor in [1.0 if one.lr_factor is None else one.lr_factor]
        ]
    hyper: dict[str, Any] = dict(optimizer.hyperparameters)
    l1 = hyper.pop("l1")
    if "beta1" in hyper:
        hyper["betas"] = hyper.pop("beta1"), hyper.pop("beta2")
    made = theirs(optimizer, given, hyper)
    # Not in a `step` of its own: PyTorch runs the hooks again when that calls SGD's.
    if l1:
        made.register_step_pre_hook(lambda *_: _add_l1(made, l1))
    if isinstance(made, DecoupledSGD):
        made.register_step_pre_hook(lambda *_: made.decay_weights())
    return made


def penalized(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """The groups that penalties concern."""
    return [group for group in optimizer.param_groups if group.get("penalized", True)]


@torch.no_grad()
def _add_l1(optimizer: torch.optim.Optimizer, l1: float) -> None:
    """Give the gradients the penalty's, which PyTorch's optimizers lack."""
    for group in penalized(optimizer):
        for p in group["params"]:
            p.grad += l1 * p.sign()


class DecoupledSGD(torch.optim.SGD):
    """Report 002: θ ← θ_new − ηλ θ_old, which torch.optim.SGD can't do."""

    def __init__(self, parameters: list[Any], weight_decay: float, **options: Any) -> None:
        super().__init__(parameters, **options)
        self.decay = weight_decay

    @torch.no_grad()
    def decay_weights(self) -> None:
        for group in penalized(self):
            for p in group["params"]:
                p.mul_(1 - group["lr"] * self.decay)


# Of an optimizer, parameters or groups of them, and hyper-parameters.
Theirs = Callable[[Any, list[Any], dict[str, Any]], torch.optim.Optimizer]


def _sgd(optimizer: Any, parameters: list[Any], hyper: dict[str, Any]) -> torch.optim.Optimizer:
    kind = DecoupledSGD if optimizer.decoupled else torch.optim.SGD
    return kind(parameters, nesterov=optimizer.nesterov, **hyper)


class ExactNAdam(torch.optim.NAdam):
    """Πₜ is a float64, where PyTorch has a float32."""

    def _init_group(self, group: Any, *lists: Any) -> Any:
        found = super()._init_group(group, *lists)  # type: ignore[no-untyped-call]
        products = lists[4]
        for i, p in enumerate(lists[0]):
            products[i] = self.state[p]["mu_product"] = products[i].double()
        return found


def _plain(kind: Any) -> Theirs:
    """PyTorch's of that class, whose options all are hyper-parameters."""
    return lambda optimizer, parameters, hyper: kind(parameters, **hyper)


def _with(kind: Any, option: str) -> Theirs:
    """PyTorch's of that class; the one option of its constructor that isn't a hyper-parameter."""
    return lambda optimizer, parameters, hyper: kind(
        parameters, **hyper, **{option: getattr(optimizer, option)}
    )


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
            {"lr": 0.1, "weight_decay": 0.1, "l1": 0.03},
        ],
    ),
    optim.RMSprop: (
        _with(torch.optim.RMSprop, "centered"),
        [
            {"lr": 0.02},
            {"lr": 0.02, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1, "l1": 0.03},
            {"lr": 0.02, "momentum": 0.9},
            {"lr": 0.02, "momentum": 0.9, "centered": True},
        ],
    ),
    optim.Adam: (
        _with(torch.optim.Adam, "amsgrad"),
        [
            {"lr": 0.01},
            {"lr": 0.01, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1, "l1": 0.03},
            {"lr": 0.01, "amsgrad": True},
        ],
    ),
    optim.AdamW: (
        _with(torch.optim.AdamW, "amsgrad"),
        [
            {"lr": 0.01},
            {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.3, "eps": 1e-3, "amsgrad": True}
            | {"l1": 0.03},
        ],
    ),
    optim.NAdam: (
        _plain(ExactNAdam),
        [
            {"lr": 0.01},
            {"lr": 0.01, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1, "l1": 0.03}
            | {"momentum_decay": 0.1},
        ],
    ),
    optim.RAdam: (
        _plain(torch.optim.RAdam),
        [
            {"lr": 0.01},
            {"lr": 0.01, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1, "l1": 0.03},
        ],
    ),
    optim.Adamax: (
        _plain(torch.optim.Adamax),
        [
            {"lr": 0.01},
            {"lr": 0.01, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1, "l1": 0.03},
        ],
    ),
    optim.Adagrad: (
        _with(torch.optim.Adagrad, "initial_accumulator_value"),
        [
            {"lr": 0.1},
            {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "eps": 1e-3}
            | {"initial_accumulator_value": 0.5, "l1": 0.03},
        ],
    ),
}
