"""Optimizers that scale each parameter's step by the size of its past gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from minidl.nn.module import Module
from minidl.optim.optimizer import Number, Optimizer, Value


class Adaptive(Optimizer):
    """What they share: g ← g + λ θ first (an L2 penalty), and g² to average."""

    ranges: ClassVar = {
        "lr": (0, math.inf),
        "alpha": (0, 1),
        "momentum": (0, 1),
        "beta1": (0, 1),
        "beta2": (0, 1),
    }

    def penalized(self) -> Tensor:
        """The gradient with the penalty's."""
        g = self.flat.grad
        if not self.any("weight_decay"):
            return g
        decay = self.number("weight_decay")
        return torch.addcmul(g, self.flat.data, decay, out=self.temporary("g"))

    def squared(self, g: Tensor) -> Tensor:
        """g² in memory of its own."""
        return torch.mul(g, g, out=self.temporary("squared"))


class Adagrad(Adaptive):
    """s ← s + g²;   θ ← θ − ηₜ g / (√s + ε),   ηₜ = η / (1 + (t − 1) δ)      (Duchi et al. 2011)

    δ is `lr_decay`; s starts at `initial_accumulator_value`. As torch.optim.Adagrad.
    """

    def __init__(
        self,
        network: Module,
        lr: Number = 1e-2,
        lr_decay: Number = 0.0,
        weight_decay: Number = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: Number = 1e-10,
    ) -> None:
        super().__init__(network, lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, eps=eps)
        self.initial_accumulator_value = initial_accumulator_value

    @property
    def depends_on_step(self) -> bool:
        return self.any("lr_decay")

    def numbers(self) -> dict[str, Value]:
        hyper = self.hyperparameters
        rate = hyper["lr"] / (1 + max(self.steps - 1, 0) * hyper["lr_decay"])
        return {"-lr": -rate, "weight_decay": hyper["weight_decay"], "eps": hyper["eps"]}

    def update(self) -> None:
        g = self.penalized()
        s = self.vector("s", self.initial_accumulator_value).add_(self.squared(g))
        root = torch.sqrt(s, out=self.temporary("root")).add_(self.number("eps"))
        self.flat.data.addcmul_(torch.div(g, root, out=root), self.number("-lr"))


class RMSprop(Adaptive):
    """s ← α s + (1 − α) g²;   θ ← θ − η g / (√s + ε)                 (Tieleman & Hinton 2012)

    m ← α m + (1 − α) g,   √(s − m²) in place of √s                   `centered` (Graves 2013)
    v ← μ v + g / (√s + ε);   θ ← θ − η v                             momentum μ
    As torch.optim.RMSprop; ε stands outside the root.
    """

    def __init__(
        self,
        network: Module,
        lr: Number = 1e-2,
        alpha: Number = 0.99,
        eps: Number = 1e-8,
        weight_decay: Number = 0.0,
        momentum: Number = 0.0,
        *,
        centered: bool = False,
    ) -> None:
        super().__init__(
            network, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum
        )
        self.centered = centered

    def numbers(self) -> dict[str, Value]:
        hyper = self.hyperparameters
        return {**hyper, "-lr": -hyper["lr"], "1-alpha": 1 - hyper["alpha"]}

    def update(self) -> None:
        g = self.penalized()
        s = self.vector("s").lerp_(self.squared(g), self.number("1-alpha"))
        root = self.temporary("root")
        if self.centered:
            m = self.vector("m").lerp_(g, self.number("1-alpha"))
            torch.addcmul(s, m, m, value=-1, out=root).sqrt_()
        else:
            torch.sqrt(s, out=root)
        step = torch.div(g, root.add_(self.number("eps")), out=root)
        if self.any("momentum"):
            step = self.vector("v").mul_(self.number("momentum")).add_(step)
        self.flat.data.addcmul_(step, self.number("-lr"))


class Adam(Adaptive):
    """m ← β₁ m + (1 − β₁) g;   v ← β₂ v + (1 − β₂) g²                     (Kingma & Ba 2015)

    θ ← θ − η m̂ / (√v̂ + ε),   m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)
    `amsgrad` puts the largest v so far in place of v (Reddi et al. 2018). As torch.optim.Adam.
    `betas` is a pair, or one pair per network of a stack.
    """

    def __init__(
        self,
        network: Module,
        lr: Number = 1e-3,
        betas: Sequence[float] | Sequence[Sequence[float]] = (0.9, 0.999),
        eps: Number = 1e-8,
        weight_decay: Number = 0.0,
        *,
        amsgrad: bool = False,
    ) -> None:
        beta1, beta2 = _transposed(betas)
        super().__init__(
            network, lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay
        )
        self.amsgrad = amsgrad

    @property
    def depends_on_step(self) -> bool:
        return True

    def numbers(self) -> dict[str, Value]:
        hyper, t = self.hyperparameters, max(self.steps, 1)
        # m̂'s correction goes below the line, (1 − β₁ᵗ)(√v̂ + ε): so the rates, which may be one
        # per network and then fill a whole vector, needn't be written anew in each step.
        correction = 1 - hyper["beta1"] ** t
        return {
            "1-beta1": 1 - hyper["beta1"],
            "1-beta2": 1 - hyper["beta2"],
            "-lr": -hyper["lr"],
            "root_factor": correction * (1 - hyper["beta2"] ** t) ** -0.5,
            "eps": correction * hyper["eps"],
            "weight_decay": hyper["weight_decay"],
            "kept": 1 - hyper["lr"] * hyper["weight_decay"],
        }

    def update(self) -> None:
        g = self.penalized()
        m = self.vector("m").lerp_(g, self.number("1-beta1"))
        v = self.vector("v").lerp_(self.squared(g), self.number("1-beta2"))
        if self.amsgrad:
            largest = self.vector("largest_v")
            v = torch.maximum(largest, v, out=largest)
        root = torch.sqrt(v, out=self.temporary("root"))
        root.mul_(self.number("root_factor")).add_(self.number("eps"))
        step = torch.div(m, root, out=root)
        self.flat.data.addcmul_(step, self.number("-lr"))


class AdamW(Adam):
    """θ ← (1 − ηλ) θ, then Adam without a penalty        (Loshchilov & Hutter 2019)

    As torch.optim.AdamW.
    """

    def __init__(
        self,
        network: Module,
        lr: Number = 1e-3,
        betas: Sequence[float] | Sequence[Sequence[float]] = (0.9, 0.999),
        eps: Number = 1e-8,
        weight_decay: Number = 1e-2,
        *,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(network, lr, betas, eps, weight_decay, amsgrad=amsgrad)

    def penalized(self) -> Tensor:
        return self.flat.grad

    def update(self) -> None:
        if self.any("weight_decay"):
            self.flat.data.mul_(self.number("kept"))
        super().update()


def _transposed(betas: Sequence[float] | Sequence[Sequence[float]]) -> tuple[Number, Number]:
    """One pair, or a pair per network, as β₁ and β₂."""
    if all(isinstance(beta, int | float) for beta in betas):
        beta1, beta2 = betas
        return beta1, beta2
    first, second = zip(*betas, strict=True)
    return first, second
