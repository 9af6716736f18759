"""Stochastic gradient descent."""

from typing import Any

import numpy as np
from torch import Tensor

from minidl.nn.module import Module
from minidl.nn.parameter import Span
from minidl.optim.optimizer import Optimizer


class SGD(Optimizer):
    """θ ← θ − η g                                          plain        (Robbins & Monro 1951)

    v ← μ v + (1 − τ) g;   θ ← θ − η v                      momentum μ, damped by τ  (Polyak 1964)
    v ← μ v + g;   θ ← θ − η (g + μ v)                      `nesterov`   (Sutskever et al. 2013)
    g ← g + λ θ first                                       `weight_decay` λ, an L2 penalty
    θ ← (1 − ηλ) θ first, g as it is                        `decoupled`  (Loshchilov & Hutter 2019)

    η is `lr`, τ `dampening`. As torch.optim.SGD: v starts as the first gradient, undampened.
    """

    def __init__(
        self, network: Module, lr: float = 1e-2, momentum: float = 0.0, dampening: float = 0.0,
        weight_decay: float = 0.0, *, nesterov: bool = False, decoupled: bool = False,
        l1: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(
            network, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, l1=l1
        )
        if nesterov and (dampening or not momentum):
            raise ValueError("nesterov needs momentum > 0 and dampening 0")
        self.nesterov, self.decoupled = nesterov, decoupled
        if momentum:
            self.remember("v")
        if momentum and dampening:
            self.step_dependent = ("undampened",)

    def numbers_with(self, hyper: dict[str, float], t: Any) -> dict[str, Any]:
        kept = 1 - hyper["lr"] * hyper["weight_decay"]
        undampened = np.where(t > 1, 1 - hyper["dampening"], 1.0)[()]  # of a float a float
        return {**hyper, "kept": kept, "undampened": undampened}

    def change(self, theta: Tensor, g: Tensor, span: Span) -> None:
        if self.hyperparameters["momentum"]:
            v, momentum = span.of(self.vectors["v"]), self.number("momentum")
            v *= momentum
            v += self.number("undampened") * g if self.hyperparameters["dampening"] else g
            g = g + momentum * v if self.nesterov else v
        theta -= self.number("lr", span) * g
