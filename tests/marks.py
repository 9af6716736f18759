"""Marks of processes, as temporary files and locks have them."""

from __future__ import annotations

import multiprocessing
from functools import cache

from minidl.store import owner


@cache
def mark_of_the_dead() -> str:
    """That of a process which has ended."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(owner.mark)
