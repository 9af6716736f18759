"""The memory that a training step works in, and what a recording of that step must know of it.

A module writes its results into buffers that are allocated once per shape, so that a step that was
recorded can be replayed on them. Three things can't be replayed as they are and announce themselves
here: memory that is allocated (`outside_recording`), numbers and random draws that each step needs
afresh (`each_step`), and flags that choose between two ways of computing (`guard`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor

# A module that is given ever new batch sizes would otherwise remember a buffer for each of them.
SHAPES_REMEMBERED = 64


class Recorder(Protocol):
    """What `minidl.capture` offers while it records a step."""

    paused: bool

    def add(self, function: Callable[..., None], *arguments: Any) -> None: ...
    def guard(self, owner: object, attribute: str, value: object) -> None: ...


_recorders: list[Recorder] = []


def recorder() -> Recorder | None:
    """The recorder at work, or None."""
    return _recorders[-1] if _recorders else None


@contextmanager
def recording(active: Recorder) -> Iterator[None]:
    """Let `active` see what the modules announce."""
    _recorders.append(active)
    try:
        yield
    finally:
        _recorders.pop()


@contextmanager
def outside_recording() -> Iterator[None]:
    """Run calls that belong to no step: they are neither recorded nor taken for temporaries.

    Inference mode is left too, since a tensor born inside it can't be used outside.
    """
    active = recorder()
    before = active.paused if active else False
    if active:
        active.paused = True
    try:
        with torch.inference_mode(False), torch.no_grad():
            yield
    finally:
        if active:
            active.paused = before


def each_step(function: Callable[..., None], *arguments: Any) -> None:
    """Run `function(*arguments)` now and again in every replay, at this place between the calls.

    For what Python computes anew in each step: a step count, the numbers that follow from it,
    random draws. It communicates by writing into tensors that recorded calls read, which it is
    given as arguments (an attribute may mean another batch's buffer by then), and allocates memory
    that lasts only in `outside_recording`. If it is a bound method, its object must have
    `step_state()` and `restore_step_state(state)`, so that the recording can be checked without
    advancing it, and `disturb_step_state()`, which makes the next step unlike the recorded one.
    """
    active = recorder()
    if active:
        active.add(function, *arguments)
    with outside_recording():
        function(*arguments)


def guard(owner: object, attribute: str, value: object) -> None:
    """Tell a recording that it holds only while `owner.attribute` is `value`."""
    active = recorder()
    if active:
        active.guard(owner, attribute, value)


Order = tuple[int, ...]

# A stack's (T, N, C) that lies in memory as (T, C, N), all samples of a feature together.
FEATURE_MAJOR: Order = (0, 2, 1)


def memory_order(x: Tensor) -> Order:
    """The dimensions of `x` as they lie in memory, the innermost last."""
    return _order(x.stride())


@functools.lru_cache
def _order(strides: tuple[int, ...]) -> Order:
    return tuple(sorted(range(len(strides)), key=lambda d: (bool(strides[d]), -strides[d])))


class Memory:
    """Buffers by name and shape."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[Any, ...], Tensor] = {}

    def buffer(
        self,
        name: str,
        shape: Sequence[int],
        like: Tensor,
        *,
        fill: float | None = None,
        order: Order | None = None,
    ) -> Tensor:
        """The buffer of that name and shape, with `like`'s dtype and device; made once.

        Its content is what the last step left there, or `fill` wherever no one writes. In memory
        its dimensions lie in this `order`, as `memory_order` tells it; by default it is contiguous.
        """
        order = order or tuple(range(len(shape)))
        key = (name, tuple(shape), like.dtype, like.device, order)
        found = self._buffers.pop(key, None)
        if found is None:
            if len(self._buffers) >= SHAPES_REMEMBERED:
                del self._buffers[next(iter(self._buffers))]
            with outside_recording():
                sizes = [shape[d] for d in order]
                found = torch.empty(sizes, dtype=like.dtype, device=like.device)
                found = found.permute([order.index(d) for d in range(len(shape))])
                if fill is not None:
                    found.fill_(fill)
        self._buffers[key] = found  # the last to be forgotten now
        return found

    def constant(self, value: float, like: Tensor) -> Tensor:
        """`value` as a tensor of shape (): torch multiplies by it faster than by a number."""
        return self.buffer(f"constant {value}", (), like, fill=value)

    def scratch(self, name: str, like: Tensor, *, fill: float | None = None) -> Tensor:
        """A buffer of `like`'s shape, in the order of its memory.

        So what a layer chose goes on through the modules behind it: images with channels last,
        a stack's features with all their samples together.
        """
        return self.buffer(name, like.shape, like, fill=fill, order=memory_order(like))

    def room(self, name: str, shape: Sequence[int], like: Tensor, size: int) -> Tensor:
        """A buffer for the present call only, within the `size` numbers that all shapes share.

        What doesn't fit gets a buffer of its own. (Room that grows would be another one in the
        replay of a step than in its next plain run.)
        """
        count = math.prod(shape)
        if count > size:
            return self.buffer(name, shape, like)
        return self.buffer(f"room {name}", (size,), like)[:count].view(tuple(shape))

    def table(self, name: str, make: Callable[[], Tensor], like: Tensor) -> Tensor:
        """The constants that `make()` returns, with `like`'s dtype and device; made once."""
        key = (f"table {name}", like.dtype, like.device)
        found = self._buffers.pop(key, None)
        if found is None:
            with outside_recording():
                found = make().to(like.device, like.dtype)
        self._buffers[key] = found
        return found

    def buffer_bytes(self) -> int:
        """How much memory all buffers take, but for rooms, whose size is no matter of shapes."""
        own = [x for key, x in self._buffers.items() if not key[0].startswith("room ")]
        return sum(x.numel() * x.element_size() for x in own)

    def forget_buffers(self) -> None:
        """Give the memory of all buffers back."""
        self._buffers.clear()
