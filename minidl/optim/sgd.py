"""Stochastic gradient descent."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from minidl.nn.module import Module
from minidl.optim.optimizer import Number, Optimizer, Value


class SGD(Optimizer):
    """θ ← θ − η g                                          plain        (Robbins & Monro 1951)

    v ← μ v + (1 − τ) g;   θ ← θ − η v                      momentum μ, dampening τ (Polyak 1964)
    v ← μ v + g;   θ ← θ − η (g + μ v)                      `nesterov`   (Sutskever et al. 2013)
    g ← g + λ θ first                                       weight decay λ as an L2 penalty
    θ ← (1 − ηλ) θ first, g as it is                        `decoupled`  (Loshchilov & Hutter 2019)

    As torch.optim.SGD: v starts as the first gradient, undampened.
    """

    ranges: ClassVar = {"lr": (0, math.inf), "momentum": (0, 1)}

    def __init__(
        self,
        network: Module,
        lr: Number = 1e-3,
        momentum: Number = 0.0,
        dampening: Number = 0.0,
        weight_decay: Number = 0.0,
        *,
        nesterov: bool = False,
        decoupled: bool = False,
    ) -> None:
        super().__init__(
            network, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay
        )
        self.nesterov, self.decoupled = nesterov, decoupled
        if nesterov and (self.any("dampening") or not self.any("momentum")):
            raise ValueError("nesterov needs momentum > 0 and dampening 0")

    @property
    def depends_on_step(self) -> bool:
        return self.any("dampening")

    def numbers(self) -> dict[str, Value]:
        hyper = self.hyperparameters
        # Dampening is a matter of momentum, and of all steps but the first.
        has_momentum = hyper["momentum"] > 0
        dampened = has_momentum.double() if isinstance(has_momentum, Tensor) else has_momentum
        undampened = 1 - (self.steps > 1) * dampened * hyper["dampening"]
        return {
            "-lr": -hyper["lr"],
            "momentum": hyper["momentum"],
            "weight_decay": hyper["weight_decay"],
            "undampened": undampened,
            "kept": 1 - hyper["lr"] * hyper["weight_decay"],
        }

    def update(self) -> None:
        theta, g = self.flat.data, self.flat.grad
        if self.any("weight_decay") and self.decoupled:
            theta.mul_(self.number("kept"))
        elif self.any("weight_decay"):
            g = torch.addcmul(g, theta, self.number("weight_decay"), out=self.temporary("g"))
        if self.any("momentum"):
            v = self.vector("v").mul_(self.number("momentum"))
            v.addcmul_(g, self.number("undampened"))
            if self.nesterov:
                g = torch.addcmul(g, v, self.number("momentum"), out=self.temporary("g"))
            else:
                g = v
        theta.addcmul_(g, self.number("-lr"))
