"""How many threads torch computes on: one, unless somebody asks for more.

Small parallel regions wait for each other where other processes use the cores too: six to seventeen
times slower than one thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Let torch compute on that many threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
