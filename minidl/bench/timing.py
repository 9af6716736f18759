"""Times of calls that take turns, so that all see the same machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

# What is timed, and the mode in which it is called.
Call = tuple[Callable[[], object], Callable[[], AbstractContextManager[Any]]]

WARM_UPS = 3


def medians(calls: Sequence[Call], runs: int) -> list[float]:
    """Median seconds of each."""
    seconds: list[list[float]] = [[] for _ in calls]
    for run in range(WARM_UPS + runs):
        for (function, mode), taken in zip(calls, seconds, strict=True):
            with mode():
                start = time.perf_counter()
                function()
                end = time.perf_counter()
            if run >= WARM_UPS:
                taken.append(end - start)
    return [statistics.median(taken) for taken in seconds]
