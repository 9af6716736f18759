"""Dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from minidl.nn.init import generators
from minidl.nn.memory import each_step, outside_recording
from minidl.nn.module import Module

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
        self._before_pool: list[Tensor] = []  # the generators' states that the pool was drawn from
        self._pool = torch.empty(0, 0)  # (T, masks): made when first needed, in the inputs' dtype
        self._pool_size = 0
        self._used = 0
        self.seed_dropout()

    def forward(self, x: Tensor) -> Tensor:
        self.drops = self.training
        if not self.drops:
            return x
        self.mask = self.scratch("mask", x)
        each_step(self.draw, self.mask)
        return torch.mul(x, self.mask, out=x if self.may_overwrite_input else self.scratch("y", x))

    def backward(self, grad_output: Tensor) -> Tensor:
        if not self.drops:
            return grad_output
        overwrite = self.may_overwrite_grad
        out = grad_output if overwrite else self.scratch("grad_input", grad_output)
        return torch.mul(grad_output, self.mask, out=out)

    def draw(self, mask: Tensor) -> None:
        """Fill `mask` with the next ones of the pool."""
        rows = self.networks or 1
        count = mask.numel() // rows
        if self._pool_size and not self._pool.numel():
            self._fill_pool(like=mask)  # a restored one, even if all of it is used
        if self._used + count > self._pool_size:
            self._before_pool = self._generator_states()
            self._pool_size, self._used = max(POOL_SIZE, count), 0
            self._fill_pool(like=mask)
        here = self._pool[:, self._used : self._used + count]
        mask.copy_(here.view(mask.shape))
        self._used += count

    def _fill_pool(self, like: Tensor) -> None:
        with outside_recording():
            uniform = torch.empty(len(self._generators), self._pool_size)
            for row, generator in zip(uniform, self._generators, strict=True):
                row.uniform_(generator=generator)
            p = torch.as_tensor(self.p, dtype=torch.float64).view(-1, 1)
            masks = (uniform >= p).to(like.dtype).div_((1 - p).to(like.dtype))
            self._pool = masks.to(like.device)

    def _generator_states(self) -> list[Tensor]:
        with outside_recording():
            return [generator.get_state() for generator in self._generators]

    def seed_draws(self, seed: int, network: int) -> None:
        if len(self._generators) != (self.networks or 1):
            self._generators = generators(0, self.networks)
        self._generators[network].manual_seed(seed)
        self._pool, self._pool_size, self._used = torch.empty(0, 0), 0, 0
        self._before_pool = self._generator_states()

    def step_state(self) -> dict[str, Any]:
        """The draws so far: the generators before the pool, its size, what is used of it."""
        with outside_recording():
            states = torch.stack(self._before_pool)
        return {"generators": states, "pool_size": self._pool_size, "used": self._used}

    def restore_step_state(self, state: dict[str, Any]) -> None:
        """Go on drawing from such a state."""
        with outside_recording():
            # Cloned, since torch reads the memory of a view from its start.
            self._before_pool = [own.clone() for own in state["generators"]]
            for generator, own in zip(self._generators, self._before_pool, strict=True):
                generator.set_state(own)
            self._pool = torch.empty(0, 0)
        self._pool_size, self._used = state["pool_size"], state["used"]

    def disturb_step_state(self) -> None:
        """Nothing to do: the next draws are others anyway."""

    def __repr__(self) -> str:
        return f"Dropout({self.p})"
