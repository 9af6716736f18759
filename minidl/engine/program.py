"""The compiled engine: programs in C, and the memory that they work on."""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minidl.engine.base import Array, Function, Functions, Program, Sources, State, Tensors
from minidl.engine.compiler import Compiler, compile
from minidl.engine.graph import Buffer, Graph
from minidl.engine.source import ALIGN, Code, Step, code_of
from minidl.engine.target import Target
from minidl.errors import CompileError
from minidl.host import watching

# Of the largest entry: by how much the first step may differ from the plain one.
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}


class CompiledEngine:
    """Runs functions as compiled code, for `lanes` networks at once.

    One lane is one network's code, with vectors along its results; it gives the same bits.
    """

    # An evaluation works on so many samples at once: what it computes stays in the cache.
    chunk = 64

    def __init__(self, compiler: Compiler, target: Target) -> None:
        self.compiler, self.target = compiler, target
        self.lanes = max(1, target.lanes)

    @property
    def description(self) -> str:
        width = f"{self.lanes} lanes" if self.target.lanes else "single"
        return f"compiled, {width}, {self.compiler.name}"

    def state(self, tensors: Tensors) -> CompiledState:
        return CompiledState(tensors, self.lanes)

    def verified(
        self,
        code: Code,
        functions: Functions,
        tensors: Tensors,
    ) -> dict[str, Program]:
        """Compile functions, and compare each with its plain run on its example inputs.

        Raises CompileError where they differ.
        """
        made = self.compiled(code)
        for name, (function, inputs) in functions.items():
            _compare(made[name], function, inputs, tensors, self)
        return dict(made)

    def code(self, graphs: Mapping[str, Graph]) -> Code:
        """The C code of traced functions. Raises LoweringError."""
        return code_of(graphs, self.target)

    def compiled(self, code: Code) -> dict[str, CompiledProgram]:
        """Its functions as programs. Raises CompilerError."""
        library = compile(code.text, self.compiler)
        return {
            name: CompiledProgram(step, library, self.lanes) for name, step in code.steps.items()
        }


def aligned(shape: tuple[int, ...], dtype: Any) -> Array:
    """Zeros whose first element lies where vectors of any size may begin."""
    itemsize = np.dtype(dtype).itemsize
    count = math.prod(shape)
    memory = np.zeros(count * itemsize + ALIGN, np.uint8)
    start = -memory.ctypes.data % ALIGN
    own: Array = memory[start : start + count * itemsize].view(dtype).reshape(shape)
    return own


class CompiledState:
    """One array (numbers, lanes) for each name, so that a number of all lanes is one vector."""

    def __init__(self, tensors: Tensors, lanes: int) -> None:
        self.shapes = {name: tuple(x.shape) for name, x in tensors.items()}
        self.arrays = {
            name: aligned((x.numel(), lanes), x.numpy().dtype) for name, x in tensors.items()
        }
        self.addresses = {name: array.ctypes.data for name, array in self.arrays.items()}

    def put(self, lane: int, tensors: Tensors) -> None:
        for name, x in tensors.items():
            self.arrays[name][:, lane] = x.numpy().reshape(-1)

    def take(self, lane: int, tensors: Tensors) -> None:
        for name, x in tensors.items():
            x.numpy().reshape(-1)[:] = self.arrays[name][:, lane]

    def read(self, name: str) -> Array:
        array: Array = self.arrays[name]
        lanes = array.shape[1]
        copy: Array = array.T.copy().reshape(lanes, *self.shapes[name])
        return copy

    def write(self, name: str, values: Array) -> None:
        array = self.arrays[name]
        array[:] = values.reshape(array.shape[1], -1).T


class CompiledProgram:
    """One function of a compiled library. Each thread has scratch memory of its own."""

    def __init__(self, step: Step, library: ctypes.CDLL, lanes: int) -> None:
        self.step, self.lanes = step, lanes
        self._library = library
        self._run = getattr(library, step.name)
        self._run.restype = None
        self._own = threading.local()
        self._names = [buffer.name for buffer in step.state]
        self._inputs = range(len(step.inputs))
        self._real = np.float64 if step.double else np.float32
        # Kept, so that their memory stays; what is written there counts in the next run.
        self._constants = [buffer.tensor for buffer in step.constants]
        self._constant_pointers = _pointers([start_of(buffer) for buffer in step.constants])

    def run(
        self,
        state: State,
        sources: Sources,
        rows: NDArray[np.int64],
        numbers: Mapping[str, NDArray[np.float64]],
    ) -> None:
        assert isinstance(state, CompiledState)
        tables = {name: self._table(name, values) for name, values in numbers.items()}
        addresses, strides = [], []
        for name in self._names:
            if name in tables:
                addresses.append(tables[name].ctypes.data)
                strides.append(tables[name][0].nbytes if len(tables[name]) > 1 else 0)
            else:
                addresses.append(state.addresses[name])
                strides.append(0)
        rows = np.ascontiguousarray(rows)
        begin, step = rows.ctypes.data, rows.strides[0]
        self.call(
            rows.shape[1],
            addresses,
            strides,
            [own[number].data_ptr() if own else None for number in self._inputs for own in sources],
            [begin + lane * step for lane in range(self.lanes)],
        )

    def _table(self, name: str, values: NDArray[np.float64]) -> Array:
        """Numbers for each step and lane, as the code reads them."""
        table = aligned(values.shape, self._real)
        with np.errstate(over="ignore"):  # infinite: the training diverges
            table[:] = values
        return table

    def call(
        self,
        steps: int,
        state: Sequence[int],
        strides: Sequence[int],
        sources: Sequence[int | None],
        rows: Sequence[int],
    ) -> None:
        """Run `steps` steps on memory at these addresses; the interpreter's lock is released."""
        self._run(
            ctypes.c_long(steps),
            ctypes.c_void_p(self.scratch.ctypes.data),
            _pointers(state),
            (ctypes.c_long * max(1, len(strides)))(*strides),
            self._constant_pointers,
            _pointers(sources),
            _pointers(rows),
        )

    @property
    def scratch(self) -> Array:
        """This thread's memory for what a step computes on its way."""
        found: Array | None = getattr(self._own, "scratch", None)
        if found is None:
            found = self._own.scratch = aligned((max(1, self.step.scratch),), np.uint8)
        return found


def _pointers(addresses: Sequence[int | None]) -> Any:
    return (ctypes.c_void_p * max(1, len(addresses)))(*addresses)


def start_of(buffer: Buffer) -> int:
    """The address where a constant's memory begins."""
    assert buffer.tensor is not None
    return buffer.tensor.untyped_storage().data_ptr()


# A unit on the brink of its kink may fall to either side by rounding: of several tries on other
# numbers one must agree.
SCALES = (1.0, 0.9, 0.7)


def _compare(
    program: CompiledProgram,
    function: Function,
    inputs: tuple[Tensor, ...],
    tensors: Tensors,
    engine: CompiledEngine,
) -> None:
    """Run the function both ways on the same numbers. Raises CompileError where they differ."""
    found = ""
    for scale in SCALES:
        given = [scaled(x, scale) for x in inputs]
        found = _difference(program, function, given, tensors, engine)
        if not found:
            return
    raise CompileError(f"compiled code and PyTorch give different numbers ({found})")


def _difference(
    program: CompiledProgram,
    function: Function,
    inputs: Sequence[Tensor],
    tensors: Tensors,
    engine: CompiledEngine,
) -> str:
    """What is different after a step of each kind, or nothing."""
    before = {name: x.clone() for name, x in tensors.items()}
    for name, x in tensors.items():
        if name.startswith("optimizer."):
            x.fill_(1.0)  # as in `stir`, also where it isn't zero: it may hold rounding alone
        stir(x)
    state = engine.state(tensors)
    for lane in range(engine.lanes):
        state.put(lane, tensors)
    try:
        with torch.no_grad(), watching(lambda computation: None):
            function(*[x.clone() for x in inputs])
        wanted = {name: x.clone() for name, x in tensors.items()}
    finally:
        for name, x in tensors.items():
            x.copy_(before[name])
    count = len(inputs[0]) if inputs else 0
    rows = np.broadcast_to(np.arange(count), (engine.lanes, 1, count))
    program.run(state, [tuple(inputs)] * engine.lanes, rows, {})
    for name, x in wanted.items():
        found = torch.from_numpy(state.arrays[name].T.copy()).view(engine.lanes, *x.shape)
        off = farthest(found, x)
        if off > TOLERANCE.get(x.dtype, 0.0):
            return f"{name}, off by {off:.2g} of the largest"
    return ""


def scaled(x: Tensor, scale: float) -> Tensor:
    """An input for a comparison."""
    return x * scale if x.is_floating_point() else x.clone()


def stir(x: Tensor) -> None:
    """Fill memory that is all zero, as an optimizer's at first.

    Adam's first step from zero is the gradient's sign: of a gradient that is rounding alone, a
    sign that means nothing.
    """
    if x.is_floating_point() and x.dim() and not bool(x.any()):
        x.fill_(1.0)


def farthest(found: Tensor, expected: Tensor) -> float:
    """The largest difference, as a part of the largest expected number; infinite for a NaN."""
    found, expected = found.double(), expected.double()
    finite = expected[expected.isfinite()]
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    same = (found == expected) | (found.isnan() & expected.isnan())
    off = torch.where(same, 0.0, (found - expected).abs())
    most = float(off.nan_to_num(math.inf).max()) if off.numel() else 0.0
    if not largest:
        return math.inf if most else 0.0
    return most / largest
