"""minidl.compile: a step of one's own, compiled.

    step = minidl.compile(step)
    for x, target in batches:
        value = step(x, target)

It works on the very tensors that the step finds in its modules.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from minidl.engine.choose import single_engine
from minidl.engine.graph import Buffer, View
from minidl.engine.program import (
    SCALES,
    TOLERANCE,
    CompiledProgram,
    farthest,
    scaled,
    stir,
)
from minidl.engine.source import batch_of
from minidl.engine.trace import Traced, tensors_in, trace
from minidl.errors import CompileError, MinidlWarning
from minidl.host import watching

# Otherwise a step that keeps getting new batch sizes would compile every one.
MOST_VARIANTS = 16


class CompiledStep:
    """A function of tensors that is traced and compiled once for each kind of batch.

    It may read and write any tensors; what it returns are tensors, or nothing. It runs plainly
    where it can't be compiled, after a warning that says why, and on other devices than the CPU. At
    the first call with a kind of batch it runs several times, to be traced and compared.
    Raises TraceError where it reads a value into Python, or makes shapes that depend on the data.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self._variants: dict[tuple[Any, ...], list[_Variant]] = {}
        self._plain = self._full = False

    def __call__(self, *tensors: Tensor) -> Any:
        for x in tensors:
            if not isinstance(x, Tensor):
                raise TypeError(f"a compiled step takes tensors, but gets {type(x).__name__}")
        if self._plain or any(x.device.type != "cpu" for x in tensors):
            return self.function(*tensors)
        key = tuple((x.shape, x.dtype) for x in tensors)
        for known in self._variants.get(key, ()):
            if known.holds():
                return known(tensors)
        if sum(map(len, self._variants.values())) >= MOST_VARIANTS:
            if not self._full:
                self._full = True
                self._warn(f"{MOST_VARIANTS} kinds of batches are compiled, and this is another")
            return self.function(*tensors)
        return self._first(key, tensors)

    def _first(self, key: tuple[Any, ...], tensors: Sequence[Tensor]) -> Any:
        """Compile, take the first step plainly, and see whether compiled code agrees with it."""
        try:
            traced = trace(self.function, tensors)
            engine = single_engine(traced.graph.dtype)
            new = _Variant(traced, engine.compiled(engine.code({"step": traced.graph}))["step"])
        except CompileError as error:
            self._run_plainly(str(error))
            return self.function(*tensors)
        before = new.state()
        result = self.function(*tensors)
        if new.agrees(self.function, tensors, before):
            self._variants.setdefault(key, []).append(new)
        else:
            self._run_plainly("compiled code and PyTorch give different numbers")
        return result

    def _run_plainly(self, reason: str) -> None:
        self._plain = True
        self._warn(reason)

    def _warn(self, reason: str) -> None:
        name = getattr(self.function, "__qualname__", "the step")
        warnings.warn(f"{name} runs plainly: {reason}", MinidlWarning, stacklevel=4)


def compile(function: Callable[..., Any]) -> CompiledStep:
    """`function(*tensors)` as compiled code, equal but for rounding; see CompiledStep."""
    return CompiledStep(function)


class _Variant:
    """One kind of batch."""

    def __init__(self, traced: Traced, program: CompiledProgram) -> None:
        self.traced, self.program = traced, program
        self._lasting = [_memory(buffer) for buffer in program.step.state]
        self._states = [x.data_ptr() for x in self._lasting]
        self._strides = [0] * len(self._states)
        sizes = [batch_of(buffer) for buffer in program.step.inputs]
        self._rows = np.arange(max(sizes, default=0))

    def holds(self) -> bool:
        """Whether the modules are in the modes that the step was traced in."""
        return all(owner.training == mode for owner, mode in self.traced.modes)

    def __call__(self, tensors: Sequence[Tensor]) -> Any:
        for computation in self.traced.computations:
            computation()
        return self._run(tensors)

    def _run(self, tensors: Sequence[Tensor]) -> Any:
        given = [x.contiguous() for x in tensors]
        sources = [x.data_ptr() for x in given]
        rows = [self._rows.ctypes.data]
        self.program.call(1, self._states, self._strides, sources, rows)
        results = [self._result(view, at, given) for view, at in self.program.step.results]
        return _in_the_form_of(self.traced.result, iter(results))

    def _result(self, view: View, at: int | None, given: Sequence[Tensor]) -> Tensor:
        """What the step returns: a copy of what it computed, or memory that lasts."""
        buffer = view.buffer
        if at is None:
            whole = given[buffer.number].reshape(-1) if buffer.role == "input" else _memory(buffer)
            return whole.as_strided(view.shape, view.strides, view.offset)
        real = self.traced.graph.dtype
        kind = {torch.float32: np.float32, torch.float64: np.float64}[real]
        memory = self.program.scratch[at:].view(np.int64 if buffer.kind == "int" else kind)
        whole = torch.from_numpy(memory[: buffer.size])
        return whole.as_strided(view.shape, view.strides, view.offset).to(buffer.dtype, copy=True)

    def state(self) -> list[Tensor]:
        """A copy of the memory that the step changes."""
        return [x.clone() for x in self._lasting]

    def agrees(
        self, function: Callable[..., Any], tensors: Sequence[Tensor], before: Sequence[Tensor]
    ) -> bool:
        """Whether a step of each kind comes to the same from a state; all is put back."""
        now = self.state()
        try:
            return any(
                self._agrees(function, [scaled(x, scale) for x in tensors], before)
                for scale in SCALES
            )
        finally:
            self._set(now)

    def _agrees(
        self, function: Callable[..., Any], tensors: Sequence[Tensor], before: Sequence[Tensor]
    ) -> bool:
        self._set(before)
        for x in self._lasting:
            stir(x)
        start = self.state()
        # The numbers that Python computed for this step stand in tensors that it only reads.
        with watching(lambda computation: None):
            result = function(*tensors)
        plain = [x.clone() for x in (*self._lasting, *tensors_in(result))]
        self._set(start)
        mine = [*self._lasting, *tensors_in(self._run(tensors))]
        pairs = zip(mine, plain, strict=True)
        return all(farthest(x, y) <= TOLERANCE.get(x.dtype, 0.0) for x, y in pairs)

    def _set(self, values: Sequence[Tensor]) -> None:
        for x, value in zip(self._lasting, values, strict=True):
            x.copy_(value)


def _in_the_form_of(form: Any, results: Iterator[Tensor]) -> Any:
    """The next results, nested in tuples, lists and dicts like the tensors of `form`."""
    if isinstance(form, Tensor):
        return next(results)
    if isinstance(form, tuple) and hasattr(form, "_fields"):
        return type(form)(*(_in_the_form_of(one, results) for one in form))
    if isinstance(form, tuple | list):
        return type(form)(_in_the_form_of(one, results) for one in form)
    if isinstance(form, dict):
        return {key: _in_the_form_of(one, results) for key, one in form.items()}
    return form


def _memory(buffer: Buffer) -> Tensor:
    """All of a lasting buffer's memory, as one vector."""
    assert buffer.tensor is not None
    return buffer.tensor.as_strided((buffer.size,), (1,), 0)
