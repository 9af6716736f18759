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
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from minidl.errors import CaptureError
from minidl.nn.memory import Memory, outside_recording, recording

# Calls that hand a tensor's content to Python without passing the dispatcher.
READS_INTO_PYTHON = {
    Tensor.item,
    Tensor.tolist,
    Tensor.numpy,
    Tensor.__array__,
    Tensor.__bool__,
    Tensor.__int__,
    Tensor.__float__,
    Tensor.__index__,
    Tensor.__contains__,
}
# Memory without content: what is read from it was written by someone else.
ALLOCATIONS = ("aten::empty", "aten::new_empty", "aten::empty_like", "aten::empty_strided")


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
        recorder = _Recorder(self.calls)
        with recording(recorder), recorder, _Watch(recorder):
            self.result = function(*self.inputs)
        recorder.refuse_temporaries("the step's result", _tensors(self.result))
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


class _Recorder(TorchFunctionMode):
    """Sees the public torch calls, and keeps those that write."""

    def __init__(self, calls: list[Callable[[], object]]) -> None:
        super().__init__()
        self.calls = calls
        self.paused = False
        self.wrote = False
        self.written: dict[int, Tensor] = {}
        self.temporaries: dict[int, tuple[str, Tensor]] = {}
        self.owners: list[Any] = []
        self.guards: list[tuple[object, str, object]] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.paused:
            return func(*args, **kwargs)
        if func in READS_INTO_PYTHON:
            raise CaptureError(f"{_where(func)} reads a value into Python")
        self.wrote = False
        result = func(*args, **kwargs)
        if self.wrote:
            self.calls.append(functools.partial(func, *args, **kwargs))
        return result

    # What nn.memory tells.

    def add(self, function: Callable[..., None], *arguments: Any) -> None:
        self.calls.append(functools.partial(function, *arguments))
        owner = getattr(function, "__self__", None)
        if owner is not None and owner not in self.owners:
            self.owners.append(owner)

    def guard(self, owner: object, attribute: str, value: object) -> None:
        if not self.paused and (owner, attribute, value) not in self.guards:
            self.guards.append((owner, attribute, value))

    # What the dispatcher tells.

    def refuse_temporaries(self, reader: str, tensors: Iterable[Tensor]) -> None:
        for x in tensors:
            made_by = self.temporaries.get(_memory(x))
            if made_by:
                raise CaptureError(
                    f"{reader} reads a temporary, the result of {made_by[0]}: a replay would not "
                    "compute it again. Write it into a buffer with out= or in place."
                )


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's, at class creation
    """Sees what each call does to memory, by its operator's schema."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # saves the second that importing torch.compile's machinery takes

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.recorder = recorder

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.recorder.paused:
            return func(*args, **kwargs)
        if torch.Tag.data_dependent_output in func.tags:
            raise CaptureError(f"{_where(func)} reads a value into Python")
        if torch.Tag.dynamic_output_shape in func.tags:
            raise CaptureError(f"{_where(func)} has a result whose shape depends on the data")
        if not func._schema.is_mutable:
            result = func(*args, **kwargs)
            self._note_temporaries(func, (args, kwargs), result)
            return result
        reads, writes = _roles(func._schema, args, kwargs)
        self.recorder.refuse_temporaries(_where(func), reads)
        shapes = [(x.shape, x.stride()) for x in writes]
        result = func(*args, **kwargs)
        for x, before in zip(writes, shapes, strict=True):
            if (x.shape, x.stride()) != before:
                raise CaptureError(
                    f"{_where(func)} changed a shape in place, from {tuple(before[0])} to "
                    f"{tuple(x.shape)}; with out=, it may have written over its neighbours"
                )
            self.recorder.written.setdefault(_memory(x), _whole(x))
        self.recorder.wrote = True
        return result

    def _note_temporaries(self, func: Any, given: Any, result: Any) -> None:
        if func.name().split(".")[0] in ALLOCATIONS:
            return
        known = {_memory(x) for x in _tensors(given)}
        for x in _tensors(result):
            if _memory(x) not in known:
                # The tensor is kept too, so that its address can't be given to another.
                self.recorder.temporaries[_memory(x)] = (_where(func), x)


def _roles(
    schema: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[list[Tensor], list[Tensor]]:
    """The tensors that a call reads and those that it writes (in place: both)."""
    reads, writes = [], []
    values = {**dict(zip([a.name for a in schema.arguments], args, strict=False)), **kwargs}
    for argument in schema.arguments:
        tensors = list(_tensors(values.get(argument.name)))
        if not argument.is_out:
            reads += tensors
        if argument.alias_info is not None and argument.alias_info.is_write:
            writes += tensors
    return reads, writes


def _tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _tensors(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _tensors(one)


def _memory(x: Tensor) -> int:
    return int(x.untyped_storage()._cdata)


def _whole(x: Tensor) -> Tensor:
    """All of the memory that `x` is a view of, as one vector."""
    count = x.untyped_storage().nbytes() // x.element_size()
    with outside_recording():
        return x.as_strided((count,), (1,), 0)


def _restore(tensors: Iterable[Tensor], values: Iterable[Tensor]) -> None:
    for x, value in zip(tensors, values, strict=True):
        x.copy_(value)


def _digest(x: Tensor) -> bytes:
    """The bits of a tensor, told by 32 bytes."""
    return hashlib.sha256(x.view(torch.uint8).cpu().numpy().data).digest()


def _where(func: Any) -> str:
    """The call, and the method or function in which it stands: "mul in ReLU.forward"."""
    name = func._schema.name if hasattr(func, "_schema") else func.__name__
    name = name.removeprefix("aten::")
    first = "the step"
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module, function = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        if module == __name__ and function == "__init__":
            break  # here the step began
        if module != __name__ and not module.startswith("torch."):
            owner = frame.f_locals.get("self")
            if isinstance(owner, Memory):
                return f"{name} in {type(owner).__name__}.{function}"
            first = function if first == "the step" else first
        frame = frame.f_back
    return f"{name} in {first}"
