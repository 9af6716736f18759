"""Relatives of Adam, in the notation of adaptive.py: η is `lr`, β₁, β₂ are `betas`, ε is `eps`.

All first set m ← β₁ m + (1 − β₁) g. As torch.optim has them; a penalty is added to g.
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
        """m and v ← β₂ v + (1 − β₂) g²"""
        m, v = span.of(self.vectors["m"]), span.of(self.vectors["v"])
        m += self.number("1-beta1") * (g - m)
        v += self.number("1-beta2") * (g * g - v)
        return m, v


class NAdam(_Averaging):
    """θ ← θ − η ((1 − μₜ) g / (1 − Πₜ) + μₜ₊₁ m / (1 − Πₜ₊₁)) / (√v̂ + ε)          (Dozat 2016)

    v ← β₂ v + (1 − β₂) g²,   v̂ = v / (1 − β₂ᵗ)
    μₜ = β₁ (1 − 0.96^(t ψ) / 2),   Πₜ = μ₁ μ₂ … μₜ,   ψ is `momentum_decay`
    """

    step_dependent = ("g_factor", "m_factor", "v_factor")

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
            "g_factor": (1 - mu[steps]) / (1 - products[steps]),
            "m_factor": mu[steps + 1] / (1 - products[steps + 1]),
            "v_factor": 1 / (1 - hyper["beta2"] ** t),
        }

    def change(self, theta: Tensor, g: Tensor, span: Span) -> None:
        m, v = self.averages(g, span)
        step = self.number("g_factor") * g + self.number("m_factor") * m
        v_hat = v * self.number("v_factor")
        theta -= self.number("lr", span) * (step / (v_hat.sqrt() + self.number("eps")))


@lru_cache(maxsize=8)
def _momenta(beta1: float, decay: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """μₜ and Πₜ for t = 0, …, count − 1, where μ₀ counts as 1."""
    mu = beta1 * (1 - 0.5 * 0.96 ** (np.arange(count) * decay))
    mu[0] = 1.0
    return mu, mu.cumprod()


class RAdam(_Averaging):
    """θ ← θ − η m̂ rₜ / (√v̂ + ε), or θ − η m̂ while ρₜ ≤ 5                   (Liu et al. 2020)

    v ← β₂ v + (1 − β₂) g²,   m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)
    rₜ² = (ρₜ − 4) (ρₜ − 2) ρ / ((ρ − 4) (ρ − 2) ρₜ),   ρ = 2 / (1 − β₂) − 1,
    ρₜ = ρ − 2 t β₂ᵗ / (1 − β₂ᵗ): too few gradients yet to know their size by
    """

    step_dependent = ("m_factor", "v_root", "rectification")

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
            "v_root": (1 - beta2**t) ** 0.5,
            "rectification": np.where(rho > 5, square, 0) ** 0.5,
        }

    def change(self, theta: Tensor, g: Tensor, span: Span) -> None:
        m, v = self.averages(g, span)
        rectification = self.number("rectification")
        scale = rectification * self.number("v_root") / (v.sqrt() + self.number("eps"))
        scale = torch.where(rectification > 0, scale, 1.0)
        theta -= self.number("lr", span) * (m * self.number("m_factor") * scale)


class Adamax(_Averaging):
    """u ← max(β₂ u, |g| + ε);   θ ← θ − η m̂ / u,   m̂ = m / (1 − β₁ᵗ)       (Kingma & Ba 2015)"""

    second = "u"
    step_dependent = ("m_factor",)

    def numbers_with(self, hyper: dict[str, float], t: Any) -> dict[str, Any]:
        return {**super().numbers_with(hyper, t), "m_factor": 1 / (1 - hyper["beta1"] ** t)}

    def change(self, theta: Tensor, g: Tensor, span: Span) -> None:
        m, u = span.of(self.vectors["m"]), span.of(self.vectors["u"])
        m += self.number("1-beta1") * (g - m)
        u.copy_(torch.maximum(self.number("beta2") * u, g.abs() + self.number("eps")))
        theta -= self.number("lr", span) * (m * self.number("m_factor") / u)
