"""What a training step does to memory: the calls that write, and what they read.

Two watchers see every call: one the public torch calls, which are what a replay runs; the other
their operators, whose schema tells what is read and what is written.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from minidl.errors import CaptureError
from minidl.nn.memory import Memory, outside_recording

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


class StepRecorder(TorchFunctionMode):
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


class DispatchWatch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's, at class creation
    """Sees what each call does to memory, by its operator's schema."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # saves the second that importing torch.compile's machinery takes

    def __init__(self, recorder: StepRecorder) -> None:
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
        known = {_memory(x) for x in tensors_in(given)}
        for x in tensors_in(result):
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
        tensors = list(tensors_in(values.get(argument.name)))
        if not argument.is_out:
            reads += tensors
        if argument.alias_info is not None and argument.alias_info.is_write:
            writes += tensors
    return reads, writes


def tensors_in(value: Any) -> Iterator[Tensor]:
    """All tensors in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from tensors_in(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from tensors_in(one)


def _memory(x: Tensor) -> int:
    return int(x.untyped_storage()._cdata)


def _whole(x: Tensor) -> Tensor:
    """All of the memory that `x` is a view of, as one vector."""
    count = x.untyped_storage().nbytes() // x.element_size()
    with outside_recording():
        return x.as_strided((count,), (1,), 0)


def _where(func: Any) -> str:
    """The call, and the method or function in which it stands: "mul in ReLU.forward"."""
    name = func._schema.name if hasattr(func, "_schema") else func.__name__
    name = name.removeprefix("aten::")
    first = "the step"
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module, function = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        if module == "minidl.capture":
            break  # here the step began
        if module != __name__ and not module.startswith("torch."):
            owner = frame.f_locals.get("self")
            if isinstance(owner, Memory):
                return f"{name} in {type(owner).__name__}.{function}"
            first = function if first == "the step" else first
        frame = frame.f_back
    return f"{name} in {first}"
