"""What a step does in Python beside its tensor calls, told to whoever watches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

Computation = Callable[[], None]
Watcher = Callable[[Computation], None]
Visitor = Callable[[object], None]

# Each thread has its own, and starts without one.
_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)
_visitor: ContextVar[Visitor | None] = ContextVar("visitor", default=None)


def each_step(function: Computation) -> None:
    """Run what a step computes in Python (an optimizer's numbers), anew in each step.

    It hands its results on by writing into tensors that the step reads. While somebody watches,
    `function` is handed to the watcher instead: `minidl.compile` calls it before each step, and a
    training leaves it out, since it computes the numbers of a whole epoch at once (train/lanes.py).
    """
    watcher = _watcher.get()
    if watcher is None:
        function()
    else:
        watcher(function)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """In this thread, hand each function that `each_step` gets to `watcher`, uncalled."""
    with _set(_watcher, watcher):
        yield


def visited(module: object) -> None:
    """Say that a module's forward runs: in some modes it makes no call that a trace would see."""
    if visitor := _visitor.get():
        visitor(module)


@contextmanager
def visiting(visitor: Visitor) -> Iterator[None]:
    """In this thread, give `visitor` each module whose forward runs."""
    with _set(_visitor, visitor):
        yield


@contextmanager
def _set(variable: ContextVar[T | None], value: T) -> Iterator[None]:
    before = variable.set(value)
    try:
        yield
    finally:
        variable.reset(before)
