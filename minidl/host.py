"""What a training step computes in Python, beside its tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Computation = Callable[[], None]
Watcher = Callable[[Computation], None]

# Each thread has its own, and starts without one.
_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


def each_step(function: Computation) -> None:
    """Run what a step computes in Python (an optimizer's numbers), anew in each step.

    It hands its results on by writing into tensors that the step reads. Whoever traces a step is
    told of `function` instead, and runs it now and again before each step.
    """
    watcher = _watcher.get()
    if watcher is None:
        function()
    else:
        watcher(function)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Give what `each_step` gets to `watcher`, which runs it, in this thread."""
    before = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(before)
