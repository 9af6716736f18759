"""Record a training step once, then replay it.

    step = capture(step)
    for x, target in batches:
        step(x, target)

A step of a small network spends most of its time in Python: properties, checks, shape logic. All of
that gives the same answer in every step, so the first call of each batch shape is watched, and the
torch calls that wrote into memory are kept as a list. Every further call copies its batch into the
input buffers of that list and runs it.

That is right only if the calls read nothing but memory that lasts: parameters, buffers, the inputs.
What would go stale raises a CaptureError, which names the module and the call:

- a recorded call that reads a temporary, a tensor that an unrecorded call made (`x * 2`);
- a value read into Python (`.item()`, `if loss > 1`), which a replay would not read again;
- a shape changed in place, or an `out=` of the wrong shape, which torch resizes.

What Python must do afresh in each step is said by `nn.memory.each_step`. To be sure, the recording
is checked right away: one step is run both as a replay and plainly, from the same state, on another
batch, step count and rate; if a single bit differs, a warning says so and the step stays a plain
call from then on. The check leaves no trace.
"""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from minidl.nn.memory import SHAPES_REMEMBERED, recording
from minidl.recorder import DispatchWatch, StepRecorder, tensors_in


class CapturedStep:
    """A step function that records itself once per kind of batch and then replays.

    Arguments are tensors; what the function returns must live in buffers, and a replay returns the
    very same tensors with new content. `report()` says what happened so far.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self._recordings: dict[tuple[Any, ...], list[Recording]] = {}
        self._eager = False

    def __call__(self, *tensors: Tensor) -> Any:
        if self._eager:
            return self.function(*tensors)
        key = tuple((x.shape, x.dtype, x.device) for x in tensors)
        for known in self._recordings.get(key, ()):
            if known.holds():
                return known.replay(tensors)
        if any(x.device.type != "cpu" for x in tensors):
            return self.function(*tensors)  # CUDA runs plainly, until it has graphs of its own
        return self._record(key, tensors)

    def _record(self, key: tuple[Any, ...], tensors: Sequence[Tensor]) -> Any:
        new = Recording(self.function, tensors)
        if not new.repeats_faithfully():
            self._eager = True
            warnings.warn(
                f"the recording of {self.function.__qualname__} does not repeat the step to the "
                "bit, so the step runs as plain calls; does it read a Python number that changes?",
                stacklevel=3,
            )
        if key not in self._recordings and len(self._recordings) >= SHAPES_REMEMBERED:
            del self._recordings[next(iter(self._recordings))]
        self._recordings.setdefault(key, []).append(new)
        return new.result

    def report(self) -> list[Recording]:
        """All recordings made so far."""
        return [one for group in self._recordings.values() for one in group]


def capture(function: Callable[..., Any]) -> CapturedStep:
    """Record `function` at its first call per batch shape, dtype and mode; replay it afterwards."""
    return CapturedStep(function)


class Recording:
    """The calls of one step that write, the input buffers they start from, and the result."""

    def __init__(self, function: Callable[..., Any], tensors: Sequence[Tensor]) -> None:
        with torch.inference_mode(False):
            self.inputs = [torch.empty_like(x).copy_(x) for x in tensors]
        self.function = function
        self.calls: list[Callable[[], object]] = []
        self._copies = [buffer.copy_ for buffer in self.inputs]
        recorder = StepRecorder(self.calls)
        with recording(recorder), recorder, DispatchWatch(recorder):
            self.result = function(*self.inputs)
        recorder.refuse_temporaries("the step's result", tensors_in(self.result))
        self.written = list(recorder.written.values())
        self.owners = recorder.owners
        self.guards = recorder.guards

    def holds(self) -> bool:
        """Whether the modes that the step was recorded in are those of now."""
        return all(getattr(owner, name) == value for owner, name, value in self.guards)

    def replay(self, tensors: Iterable[Tensor]) -> Any:
        """Run the step on these inputs."""
        for copy, x in zip(self._copies, tensors, strict=True):
            copy(x)
        for call in self.calls:
            call()
        return self.result

    def repeats_faithfully(self) -> bool:
        """Run another step as a replay and plainly, compare to the bit, and put all back.

        One copy of all memory is kept to put back, and of the replay's results only digests: a
        second and a third copy would be the largest memory that a training takes.
        """
        with torch.no_grad(), self._put_back() as before:
            for x in self.inputs:
                if x.is_floating_point():
                    x.mul_(0.75)
                x.copy_(x.flip(0))
            for owner in self.owners:
                owner.disturb_step_state()
            states = [owner.step_state() for owner in self.owners]
            for call in self.calls:
                call()
            replayed = [_digest(x) for x in self.written]
            _restore(self.written, before)
            for owner, state in zip(self.owners, states, strict=True):
                owner.restore_step_state(state)
            self.function(*self.inputs)
            return [_digest(x) for x in self.written] == replayed

    @contextmanager
    def _put_back(self) -> Iterator[list[Tensor]]:
        before = [x.clone() for x in self.written]
        inputs = [x.clone() for x in self.inputs]
        states = [owner.step_state() for owner in self.owners]
        try:
            yield before
        finally:
            _restore((*self.written, *self.inputs), (*before, *inputs))
            for owner, state in zip(self.owners, states, strict=True):
                owner.restore_step_state(state)

    def __repr__(self) -> str:
        shapes = ", ".join(str(tuple(x.shape)) for x in self.inputs)
        return f"Recording({len(self.calls)} calls for inputs {shapes})"


def _restore(tensors: Iterable[Tensor], values: Iterable[Tensor]) -> None:
    for x, value in zip(tensors, values, strict=True):
        x.copy_(value)


def _digest(x: Tensor) -> bytes:
    """The bits of a tensor, told by 32 bytes."""
    return hashlib.sha256(x.view(torch.uint8).cpu().numpy().data).digest()
