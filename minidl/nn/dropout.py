"""Dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from .init import generators
from .memory import each_step, outside_recording
from .module import Module

# Uniform numbers drawn at once per network; a draw per step would cost more than the step. The
# masks of a network in a stack equal those of the network alone, so this may not depend on T.
POOL_SIZE = 2**14


class Dropout(Module):
    """Zeroes each input with probability p while training, and does nothing in evaluation.

    y = x · m        dx = dy · m,        m = 1[u ≥ p] / (1 − p),  u uniform in [0, 1)
    (Srivastava et al. 2014). `p` is one number or one per network of a stack, 0 ≤ p < 1.

    The masks come from a generator of the layer's own (`network.seed_dropout(seed)`), one for each
    network, drawn on the CPU in float32: equal on every device and for every dtype.
    """

    prefix = "dropout"
    reads_input = False
    reads_output = False
    returns_view = True
    draws = True

    def __init__(self, p: float | Sequence[float] = 0.5) -> None:
        for one in [p] if isinstance(p, float | int) else p:
            if not 0 <= one < 1:
                raise ValueError(f"p must be at least 0 and below 1, but got {one}")
        super().__init__()
        self.p = p
        self._generators: list[Generator] = []
        self._pool = torch.empty(0)
        self._states: list[Tensor] = []
        self._next = 0
        self.seed_dropout()

    def forward(self, x: Tensor) -> Tensor:
        self.drops = self.training
        if not self.drops:
            return x
        self.mask = self.buffer("mask", x.shape, x)
        each_step(self.draw)
        return torch.mul(x, self.mask, out=x if self.may_overwrite_input else self._like(x))

    def backward(self, grad_output: Tensor) -> Tensor:
        if not self.drops:
            return grad_output
        out = grad_output if self.may_overwrite_grad else self._like(grad_output)
        return torch.mul(grad_output, self.mask, out=out)

    def _like(self, x: Tensor) -> Tensor:
        return self.buffer("y", x.shape, x)

    def draw(self) -> None:
        """Put the next masks of the pool into the buffer."""
        rows = self.networks or 1
        count = self.mask.numel() // rows
        if self._next + count > self._pool.shape[1]:
            self._refill(max(POOL_SIZE, count))
        here = self._pool[:, self._next : self._next + count]
        self.mask.view(rows, count).copy_(here)
        self._next += count

    def _refill(self, size: int) -> None:
        rows = self.networks or 1
        if len(self._generators) != rows:
            self.seed_dropout()
        self._states = [generator.get_state() for generator in self._generators]
        uniform = torch.empty(rows, size)
        for row, generator in zip(uniform, self._generators, strict=True):
            row.uniform_(generator=generator)
        p = torch.as_tensor(self.p, dtype=torch.float64).view(-1, 1)
        masks = (uniform >= p).to(self.mask.dtype).div_((1 - p).to(self.mask.dtype))
        self._pool = masks.to(self.mask.device)
        self._next = 0

    def seed_draws(self, seed: int, network: int) -> None:
        if len(self._generators) != (self.networks or 1):
            self._generators = generators(0, self.networks)
        self._generators[network].manual_seed(seed)
        self._pool = torch.empty(0, 0)
        self._next = 0

    def step_state(self) -> dict[str, Any]:
        """The draws so far: each generator before the present pool, its size, what is used of it."""
        before = self._states if self._pool.numel() else [g.get_state() for g in self._generators]
        return {"generators": torch.stack(before), "size": self._pool.shape[1], "used": self._next}

    def restore_step_state(self, state: dict[str, Any]) -> None:
        """Go on drawing from such a state."""
        with outside_recording():
            for generator, own in zip(self._generators, state["generators"], strict=True):
                generator.set_state(own)
            self._pool = torch.empty(0, 0)
            if state["size"]:
                self._refill(state["size"])
            self._next = state["used"]

    def disturb_step_state(self) -> None:
        """Nothing to do: the next draws are others anyway."""

    def __repr__(self) -> str:
        return f"Dropout({self.p})"
