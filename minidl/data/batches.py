"""Mini-batches: the samples in an order that each epoch draws anew."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Generator, Tensor


class Batches:
    """Iterating over it once is an epoch: it shuffles, then gives (inputs, targets) pairs.

    inputs (N, ...) and targets (N, ...). The last batch may be shorter, and is left out with
    `drop_last`.
    """

    def __init__(
        self,
        inputs: Tensor,
        targets: Tensor,
        batch_size: int,
        seed: int,
        *,
        drop_last: bool = False,
    ) -> None:
        # Compiled code reads rows one after the other, as slices of a table don't lie.
        self.inputs, self.targets = inputs.contiguous(), targets.contiguous()
        self.samples = len(inputs)
        self.batch_size = min(batch_size, self.samples)
        # Batches of that size in an epoch, and the samples of the short one that follows.
        self.full, rest = divmod(self.samples, self.batch_size)
        self.rest = 0 if drop_last else rest
        self._generator = Generator().manual_seed(seed)

    def __len__(self) -> int:
        """Steps in an epoch."""
        return self.full + (self.rest > 0)

    def order(self, out: Tensor | None = None) -> Tensor:
        """The samples' places (N,) in the order of the next epoch."""
        return torch.randperm(self.samples, generator=self._generator, out=out)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        used = self.full * self.batch_size + self.rest
        rows = self.order()[:used].to(self.inputs.device)
        shuffled = (x.index_select(0, rows) for x in (self.inputs, self.targets))
        return zip(*(torch.split(x, self.batch_size) for x in shuffled), strict=True)

    def state(self) -> Tensor:
        """The state of the orders' generator."""
        return self._generator.get_state()

    def restore(self, state: Tensor) -> None:
        """Go on with the orders that follow such a state."""
        # Cloned, since torch reads the memory of a view from its start.
        self._generator.set_state(state.clone())
