"""Relatives of Adam, as torch.optim has them, in the notation of adaptive.py.

η is `lr`, β₁ and β₂ are `betas`, ε is `eps`; m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from minidl.nn.module import Module
from minidl.nn.parameter import Span
from minidl.optim.optimizer import Optimizer


class _Averaging(Optimizer):
    """Keeps an average m of the gradients, and a second vector."""

    second = "v"

    def __init__(
        self, network: Module, lr: float = 2e-3, betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, *, l1: float = 0.0, **more: float,
    ) -> None:  # fmt: skip
        beta1, beta2 = betas
        super().__init__(
            network, lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay, l1=l1,
            **more,
        )  # fmt: skip
        for name in ("m", self.second):
            self.remember(name)

    def numbers_with(self, hyper: dict[str, float], t: Any) -> dict[str, Any]:
        return {**hyper, "1-beta1": 1 - hyper["beta1"], "1-beta2": 1 - hyper["beta2"]}

    def averages(self, g: Tensor, span: Span) -> tuple[Tensor, Tensor]:
        """m and v, with g in them."""
        m, v = span.of(self.vectors["m"]), span.of(self.vectors["v"])
        m += self.number("1-beta1") * (g - m)
        v += self.number("1-beta2") * (g * g - v)
        return m, v


class NAdam(_Averaging):
    """m ← β₁ m + (1 − β₁) g;   v ← β₂ v + (1 − β₂) g²                              (Dozat 2016)

    θ ← θ − η (c g + w m) / (√v̂ + ε)
    c = (1 − μₜ) / (1 − Πₜ),   w = μₜ₊₁ / (1 − Πₜ₊₁),   Πₜ = μ₁ μ₂ … μₜ,
    μₜ = β₁ (1 − 0.96^(t ψ) / 2): a momentum that grows to β₁; ψ is `momentum_decay`
    """

    step_dependent = ("c", "w", "v_factor")

    def __init__(
        self, network: Module, lr: float = 2e-3, betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, momentum_decay: float = 4e-3, *,
        l1: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(
            network, lr, betas, eps, weight_decay, l1=l1, momentum_decay=momentum_decay
        )

    def numbers_with(self, hyper: dict[str, float], t: Any) -> dict[str, Any]:
        steps = np.asarray(t, dtype=np.int64)
        least = 1 << int(steps.max() + 1).bit_length()  # few lengths, so that few are computed
        mu, products = _momenta(hyper["beta1"], hyper["momentum_decay"], least)
        return {
            **super().numbers_with(hyper, t),
            "c": (1 - mu[steps]) / (1 - products[steps]),
            "w": mu[steps + 1] / (1 - products[steps + 1]),
            "v_factor": 1 / (1 - hyper["beta2"] ** t),
        }

    def change(self, theta: Tensor, g: Tensor, span: Span) -> None:
        m, v = self.averages(g, span)
        step = self.number("c") * g + self.number("w") * m
        v_hat = v * self.number("v_factor")
        theta -= self.number("lr", span) * (step / (v_hat.sqrt() + self.number("eps")))


@lru_cache(maxsize=8)
def _momenta(beta1: float, decay: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """μₜ and Πₜ for t = 0, …, count − 1, where μ₀ counts as 1."""
    mu = beta1 * (1 - 0.5 * 0.96 ** (np.arange(count) * decay))
    mu[0] = 1.0
    return mu, mu.cumprod()


class RAdam(_Averaging):
    """m ← β₁ m + (1 − β₁) g;   v ← β₂ v + (1 − β₂) g²                        (Liu et al. 2020)

    θ ← θ − η c m̂ / (√v + ε),   or θ − η m̂ while ρₜ ≤ 5: the size of g isn't known yet
    c² = (1 − β₂ᵗ) (ρₜ − 4) (ρₜ − 2) ρ / ((ρ − 4) (ρ − 2) ρₜ)
    ρₜ = ρ − 2 t β₂ᵗ / (1 − β₂ᵗ),   ρ = 2 / (1 − β₂) − 1
    """

    step_dependent = ("c", "m_factor")

    def __init__(
        self, network: Module, lr: float = 1e-3, betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, *, l1: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(network, lr, betas, eps, weight_decay, l1=l1)

    def numbers_with(self, hyper: dict[str, float], t: Any) -> dict[str, Any]:
        beta1, beta2 = hyper["beta1"], hyper["beta2"]
        most = 2 / (1 - beta2) - 1
        rho = np.asarray(most - 2 * t * beta2**t / (1 - beta2**t))
        known = np.where(rho > 5, rho, most)
        with np.errstate(divide="ignore", invalid="ignore"):
            square = (known - 4) * (known - 2) * most / ((most - 4) * (most - 2) * known)
        return {
            **super().numbers_with(hyper, t),
            "m_factor": 1 / (1 - beta1**t),
            "c": np.where(rho > 5, (1 - beta2**t) * square, 0) ** 0.5,
        }

    def change(self, theta: Tensor, g: Tensor, span: Span) -> None:
        m, v = self.averages(g, span)
        c = self.number("c")
        scale = torch.where(c > 0, c / (v.sqrt() + self.number("eps")), 1.0)
        theta -= self.number("lr", span) * (m * self.number("m_factor") * scale)


class Adamax(_Averaging):
    """m ← β₁ m + (1 − β₁) g;   u ← max(β₂ u, |g| + ε)                      (Kingma & Ba 2015)

    θ ← θ − η m̂ / u
    """

    second = "u"
    step_dependent = ("m_factor",)

    def numbers_with(self, hyper: dict[str, float], t: Any) -> dict[str, Any]:
        return {**super().numbers_with(hyper, t), "m_factor": 1 / (1 - hyper["beta1"] ** t)}

    def change(self, theta: Tensor, g: Tensor, span: Span) -> None:
        m, u = span.of(self.vectors["m"]), span.of(self.vectors["u"])
        m += self.number("1-beta1") * (g - m)
        u.copy_(torch.maximum(self.number("beta2") * u, g.abs() + self.number("eps")))
        theta -= self.number("lr", span) * (m * self.number("m_factor") / u)
