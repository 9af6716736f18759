"""Mini-batches: each network's samples in an order of its own, drawn anew each epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Generator, Tensor


class Batches:
    """Iterating over it once is an epoch: it shuffles, then gives (inputs, targets) pairs.

    inputs (N, ...) and targets (N, ...) for one network, (T, N, ...) for a stack. `seeds` has one
    seed per network, and network i of a stack gets the batches that it would get alone. The last
    batch may be shorter, and is left out with `drop_last`. The tensors given are views of two
    buffers that the next epoch overwrites.
    """

    def __init__(
        self,
        inputs: Tensor,
        targets: Tensor,
        batch_size: int,
        seeds: Sequence[int],
        *,
        stacked: bool = False,
        drop_last: bool = False,
    ) -> None:
        samples_axis = 1 if stacked else 0
        self.samples = inputs.shape[samples_axis]
        self._generators = [Generator().manual_seed(seed) for seed in seeds]
        shuffled = (torch.empty_like(inputs), torch.empty_like(targets))
        # All networks' samples as rows of one matrix each: an epoch's order is one list of rows.
        count = len(self._generators) * self.samples
        self._sources = [x.view(count, -1) for x in (inputs, targets)]
        self._shuffled = [x.view(count, -1) for x in shuffled]
        self._rows = torch.empty(count, dtype=torch.int64)
        self._orders = list(self._rows.view(-1, self.samples))
        self._starts = None  # where each network's rows begin, if there are several
        if len(self._generators) > 1:
            self._starts = (torch.arange(count) // self.samples) * self.samples
        starts = range(0, self.samples, batch_size)
        sizes = [min(batch_size, self.samples - start) for start in starts]
        x, y = shuffled
        self._views = [
            (x.narrow(samples_axis, start, size), y.narrow(samples_axis, start, size))
            for start, size in zip(starts, sizes, strict=True)
            if size == batch_size or not drop_last
        ]

    def __len__(self) -> int:
        """Steps in an epoch."""
        return len(self._views)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for generator, order in zip(self._generators, self._orders, strict=True):
            torch.randperm(self.samples, generator=generator, out=order)
        rows = self._rows if self._starts is None else self._rows + self._starts
        rows = rows.to(self._sources[0].device)
        for source, shuffled in zip(self._sources, self._shuffled, strict=True):
            torch.index_select(source, 0, rows, out=shuffled)
        return iter(self._views)

    def state(self, network: int) -> Tensor:
        """The state of one network's generator."""
        return self._generators[network].get_state()

    def restore(self, network: int, state: Tensor) -> None:
        """Let one network go on with the orders that follow such a state."""
        # Cloned, since torch reads the memory of a view from its start.
        self._generators[network].set_state(state.clone())
