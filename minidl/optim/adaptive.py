"""Optimizers that scale each parameter's step by the size of its past gradients.

In all formulas η is `lr` and ε `eps`; all but AdamW add the gradient of an L2 penalty first,
g ← g + λ θ, λ being `weight_decay`, and all that of an L1 penalty (optimizer.py). An average
β m + (1 − β) g is computed as m + (1 − β)(g − m), which has no bias where β is rounded.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from minidl.nn.module import Module
from minidl.nn.parameter import Span
from minidl.optim.optimizer import Optimizer, checked


class Adagrad(Optimizer):
    """s ← s + g²;   θ ← θ − ηₜ g / (√s + ε),   ηₜ = η / (1 + (t − 1) δ)      (Duchi et al. 2011)

    δ is `lr_decay`; s starts at `initial_accumulator_value`. As torch.optim.Adagrad.
    """

    def __init__(
        self, network: Module, lr: float = 1e-2, lr_decay: float = 0.0, weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0, eps: float = 1e-10, *, l1: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(
            network, lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, eps=eps, l1=l1
        )
        checked("initial_accumulator_value", initial_accumulator_value)
        self.initial_accumulator_value = initial_accumulator_value
        self.remember("s", initial_accumulator_value)
        if lr_decay:
            self.step_dependent = ("lr", *(f"lr_{n}" for n in range(1, len(self.lr_factors) + 1)))

    def numbers_with(self, hyper: dict[str, float], t: Any) -> dict[str, Any]:
        return {**hyper, "lr": hyper["lr"] / (1 + (t - 1) * hyper["lr_decay"])}

    def change(self, theta: Tensor, g: Tensor, span: Span) -> None:
        s = span.of(self.vectors["s"])
        s += g * g
        theta -= self.number("lr", span) * (g / (s.sqrt() + self.number("eps")))


class RMSprop(Optimizer):
    """s ← α s + (1 − α) g²;   θ ← θ − η g / (√s + ε)                 (Tieleman & Hinton 2012)

    m ← α m + (1 − α) g,   √(s − m²) in place of √s                   `centered` (Graves 2013)
    v ← μ v + g / (√s + ε);   θ ← θ − η v                             momentum μ
    α is `alpha`. As torch.optim.RMSprop; ε stands outside the root.
    """

    def __init__(
        self, network: Module, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0.0, momentum: float = 0.0, *, centered: bool = False,
        l1: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(
            network, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum,
            l1=l1,
        )  # fmt: skip
        self.centered = centered
        for name in ["s"] + ["m"] * centered + ["v"] * (momentum > 0):
            self.remember(name)

    def numbers_with(self, hyper: dict[str, float], t: Any) -> dict[str, Any]:
        return {**hyper, "1-alpha": 1 - hyper["alpha"]}

    def change(self, theta: Tensor, g: Tensor, span: Span) -> None:
        s = span.of(self.vectors["s"])
        s += self.number("1-alpha") * (g * g - s)
        if self.centered:
            m = span.of(self.vectors["m"])
            m += self.number("1-alpha") * (g - m)
            s = s - m * m
        step = g / (s.sqrt() + self.number("eps"))
        if self.hyperparameters["momentum"]:
            v = span.of(self.vectors["v"])
            v *= self.number("momentum")
            v += step
            step = v
        theta -= self.number("lr", span) * step


class Adam(Optimizer):
    """m ← β₁ m + (1 − β₁) g;   v ← β₂ v + (1 − β₂) g²                     (Kingma & Ba 2015)

    θ ← θ − η m̂ / (√v̂ + ε),   m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)
    β₁, β₂ are `betas`; with `amsgrad` the largest v so far counts (Reddi et al. 2018).
    As torch.optim.Adam.
    """

    step_dependent = ("m_factor", "v_factor")

    def __init__(
        self, network: Module, lr: float = 1e-3, betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, *, amsgrad: bool = False,
        l1: float = 0.0,
    ) -> None:  # fmt: skip
        beta1, beta2 = betas
        super().__init__(
            network, lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay, l1=l1
        )
        self.amsgrad = amsgrad
        for name in ["m", "v"] + ["largest_v"] * amsgrad:
            self.remember(name)

    def numbers_with(self, hyper: dict[str, float], t: Any) -> dict[str, Any]:
        beta1, beta2 = hyper["beta1"], hyper["beta2"]
        return {
            **hyper, "kept": 1 - hyper["lr"] * hyper["weight_decay"],
            "1-beta1": 1 - beta1, "m_factor": 1 / (1 - beta1**t),
            "1-beta2": 1 - beta2, "v_factor": 1 / (1 - beta2**t),
        }  # fmt: skip

    def change(self, theta: Tensor, g: Tensor, span: Span) -> None:
        m, v = span.of(self.vectors["m"]), span.of(self.vectors["v"])
        m += self.number("1-beta1") * (g - m)
        v += self.number("1-beta2") * (g * g - v)
        if self.amsgrad:
            largest = span.of(self.vectors["largest_v"])
            v = largest.copy_(torch.maximum(largest, v))
        m_hat, v_hat = m * self.number("m_factor"), v * self.number("v_factor")
        theta -= self.number("lr", span) * (m_hat / (v_hat.sqrt() + self.number("eps")))


class AdamW(Adam):
    """θ ← (1 − ηλ) θ, then Adam without a penalty; as PyTorch's     (Loshchilov & Hutter 2019)"""

    decoupled = True

    def __init__(
        self, network: Module, lr: float = 1e-3, betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 1e-2, *, amsgrad: bool = False,
        l1: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(network, lr, betas, eps, weight_decay, amsgrad=amsgrad, l1=l1)
