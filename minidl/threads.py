"""How many threads pay off: one small network slows down on two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from minidl.nn import Linear, Module

# Multiply-adds of a step's largest product from which torch's threads pay off. Measured on two
# cores: 50 × 25 × 25 is 10 % slower on both, 50 × 128 × 128 a third faster.
WORTH_SHARING = 500_000


def threads_for(network: Module, batch_size: int) -> int:
    """One thread for small products, torch's own number for large ones."""
    sizes = [m.in_features * m.out_features for m in network.modules() if isinstance(m, Linear)]
    work = batch_size * max(sizes, default=0) * (network.networks or 1)
    return 1 if work < WORTH_SHARING else torch.get_num_threads()


@contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Let torch compute on that many threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
