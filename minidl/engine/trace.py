"""Trace: run a step once and keep its ATen calls as a graph.

It watches torch's dispatcher, so that a module may be written in whatever way reads best. Views are
no calls: what counts is where in memory their elements lie. A step that a graph can't hold is
refused with a TraceError, which names module and call: one that reads a value into Python, or makes
a shape that depends on the data.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from minidl.engine.graph import Buffer, Call, Graph, View
from minidl.errors import CompileError, TraceError
from minidl.host import Computation, visiting, watching

# Calls that hand a tensor's content to Python without passing the dispatcher.
_READS = {
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
# Memory without content: it counts from the first call on that writes there.
_ALLOCATIONS = {"empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided"}


@dataclass(frozen=True)
class Traced:
    """A graph, what its step computes in Python, and the modules that it was seen in, by mode."""

    graph: Graph
    computations: list[Computation]
    modes: list[tuple[Any, bool]]  # modules, and whether each was in training mode
    result: Any  # what the step returned, for its form


def trace(
    function: Callable[..., Any],
    inputs: Sequence[Tensor],
    tensors: Mapping[str, Tensor] | None = None,
) -> Traced:
    """The graph of `function(*inputs)`.

    Its state are these `tensors`, each of which is contiguous and has its memory for itself; None:
    whatever it writes. All that it changes is put back. Raises TraceError.
    """
    computations: list[Computation] = []
    # In inference mode torch shows composite calls, not what they consist of.
    with torch.inference_mode(False):
        inputs = [x.clone(memory_format=torch.contiguous_format) for x in inputs]
        tracer = _Tracer(inputs, tensors)
    try:
        with (
            torch.inference_mode(False),
            torch.no_grad(),
            watching(computations.append),
            visiting(tracer.visit),
            _RefuseReads(),
            tracer,
        ):
            result = function(*inputs)
    finally:
        tracer.put_back()
    graph = tracer.graph(result)
    modes = [(owner, owner.training) for owner in tracer.owners if hasattr(owner, "training")]
    return Traced(graph, computations, modes, result)


class _RefuseReads(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in _READS:
            raise TraceError(f"{func.__name__} in {_caller()[0]} reads a value into Python")
        return func(*args, **(kwargs or {}))


class _Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's, at class creation
    """Keeps the calls that write, and knows every piece of memory that they touch."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # saves the second that importing torch.compile's machinery takes

    def __init__(self, inputs: Sequence[Tensor], tensors: Mapping[str, Tensor] | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[Call] = []
        self.buffers: list[Buffer] = []
        self.owners: list[Any] = []  # the modules and losses whose forward runs
        self._known: dict[int, Buffer] = {}
        self._before: list[tuple[Tensor, Tensor]] = []  # memory that lasts, and what it held
        self._kept: set[int] = set()
        self._finds_state = tensors is None
        for number, x in enumerate(inputs):
            self._add(x, "input", f"input {number}")
        self.inputs = list(self.buffers)
        for name, x in (tensors or {}).items():
            if _memory(x) in self._known or x.numel() != _elements(x):
                raise TraceError(f"{name} shares its memory with another tensor")
            self._add(x, "state", name)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.removeprefix("aten::")
        if func._schema.is_mutable:
            self._keep_what_is_written(func, args)
        if torch.Tag.data_dependent_output in func.tags:
            raise TraceError(f"{name} in {_caller()[0]} reads a value into Python")
        if torch.Tag.dynamic_output_shape in func.tags:
            raise TraceError(f"{name} in {_caller()[0]} makes a shape that depends on the data")
        result = func(*args, **kwargs)
        if name in _ALLOCATIONS:
            for x in tensors_in(result):
                self._add(x)
            return result
        outputs = list(tensors_in(result))
        given = {_memory(x) for x in tensors_in((args, kwargs))}
        if not func._schema.is_mutable and all(_memory(x) in given for x in outputs):
            return result  # a view
        where, formula = self._where()
        if len(outputs) != 1 or func._schema.overload_name.endswith("out"):
            raise CompileError(f"{name} in {where} has another form than `y = {name}(x)`")
        sources = [self._view(x, written=False) for x in args]
        options = {key: self._view(x, written=False) for key, x in kwargs.items()}
        out = self._view(outputs[0], written=True)
        if out.buffer.role == "constant" and self._finds_state:
            out.buffer.role = "state"
        if out.buffer.role in ("input", "constant"):
            raise TraceError(f"{name} in {where} changes memory that isn't the step's own")
        plain = name if name.startswith("__") else name.rstrip("_")
        self.calls.append(Call(plain, sources, options, out, where, formula))
        return result

    def _keep_what_is_written(self, func: Any, args: Sequence[Any]) -> None:
        """Of memory that lasts, what it held before the first call that writes there."""
        for given, argument in zip(args, func._schema.arguments, strict=False):
            written = argument.alias_info is not None and argument.alias_info.is_write
            for x in tensors_in(given) if written else ():
                buffer = self._known.get(_memory(x)) or self._view(x, written=False).buffer
                if buffer.role in ("state", "constant") and buffer.number not in self._kept:
                    self._kept.add(buffer.number)
                    whole = _whole(x)
                    self._before.append((whole, whole.clone()))

    def put_back(self) -> None:
        """Undo what the step changed."""
        with torch.inference_mode(False), torch.no_grad():
            for x, before in self._before:
                x.copy_(before)

    def _where(self) -> tuple[str, str]:
        """The method that makes a call ("Linear.forward"), and the formula of its class."""
        where, owner = _caller()
        if owner is None:
            return where, ""
        return where, _formula(owner)

    def visit(self, module: object) -> None:
        """Remember a module that takes part."""
        if not any(module is known for known in self.owners):
            self.owners.append(module)

    def graph(self, result: Any) -> Graph:
        """The calls so far, as a graph that gives `result`."""
        views = [self._view(x, written=False) for x in tensors_in(result)]
        for view in views:
            if view.buffer.role == "temporary":
                view.buffer.role = "result"
        reals = {b.dtype for b in self.buffers if b.dtype.is_floating_point}
        if len(reals) > 1:
            names = ", ".join(sorted(str(one).removeprefix("torch.") for one in reals))
            raise CompileError(f"the step computes in several types at once ({names})")
        dtype = reals.pop() if reals else torch.float32
        for buffer in self.buffers:
            if buffer.role in ("temporary", "result"):
                buffer.tensor = None  # only its memory's address mattered
        return Graph(self.calls, self.buffers, self.inputs, views, dtype)

    def _add(self, x: Tensor, role: Any = "temporary", name: str = "") -> Buffer:
        buffer = Buffer(len(self.buffers), _elements(x), x.dtype, role, name, x)
        self.buffers.append(buffer)
        self._known[_memory(x)] = buffer
        return buffer

    def _view(self, x: Any, *, written: bool) -> Any:
        """A tensor as a view; lists of tensors too; anything else as it is."""
        if isinstance(x, list | tuple):
            return [self._view(one, written=written) for one in x]
        if not isinstance(x, Tensor):
            return x
        # Memory that nobody wrote and that nobody allocated here was there before.
        buffer = self._known.get(_memory(x))
        if buffer is None:
            buffer = self._add(x, "temporary" if written else "constant")
        if x.dtype != buffer.dtype:
            raise TraceError(f"{_caller()[0]} reads memory of {buffer.dtype} as {x.dtype}")
        return View(buffer, int(x.storage_offset()), tuple(x.shape), tuple(x.stride()))


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


def _elements(x: Tensor) -> int:
    return x.untyped_storage().nbytes() // x.element_size()


def _whole(x: Tensor) -> Tensor:
    """All of the memory that `x` is a view of, as one vector."""
    return x.as_strided((_elements(x),), (1,), 0)


def _caller() -> tuple[str, Any]:
    """The method that computes ("Linear.forward"), and its object; None for a plain function."""
    frame: FrameType | None = sys._getframe(1)
    first = ""
    while frame is not None:
        module, function = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        if module != __name__ and not module.startswith("torch"):
            owner = frame.f_locals.get("self")
            if owner is not None and hasattr(owner, "__dict__"):
                return f"{type(owner).__name__}.{function}", owner
            first = first or function
        elif module == __name__ and function == "trace":
            break
        frame = frame.f_back
    return first or "the step", None


def _formula(owner: object) -> str:
    """The first line of a class's docstring that holds an equation."""
    lines = (type(owner).__doc__ or "").splitlines()
    return next((line.strip() for line in lines if "=" in line or "←" in line), "")
