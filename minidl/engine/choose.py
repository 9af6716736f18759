"""Which engine a training gets: it follows from shapes, the device and the compiler alone."""

from __future__ import annotations

from collections.abc import Callable

import torch

from minidl.engine.base import Engine, Functions, Program, Tensors
from minidl.engine.compiler import find_compiler
from minidl.engine.plain import PlainEngine
from minidl.engine.processor import lanes_for, vector_bytes, vector_registers
from minidl.engine.program import CompiledEngine
from minidl.engine.source import Code
from minidl.engine.target import Target
from minidl.engine.trace import trace
from minidl.errors import CompileError, CompilerError, TraceError

# What the networks in lanes work on in a step, in bytes: beyond it they push each other out of the
# processor's cache, and mostly train faster one after the other. Two layers of 64 at batch 200 do,
# or of 128 at batch 50: in 16 lanes these need 3.4 MB.
LANES_BYTES = 3_300_000


def prepare(
    functions_for: Callable[[int], Functions],
    tensors: Tensors,
    bind: Callable[[Tensors], None],
    lanes: int,
) -> tuple[Engine, dict[str, Program]]:
    """The engine for some functions with up to `lanes` lanes, and the functions as programs.

    `functions_for(chunk)` gives them for an engine that evaluates about so many samples at once.
    Nothing here fails: where they can't be compiled they run plainly.
    """
    functions = functions_for(CompiledEngine.chunk)
    device = next(iter(tensors.values())).device
    if device.type != "cpu":
        return _plain(functions_for, tensors, bind, lanes, device.type.upper())
    try:
        graphs = {
            name: trace(function, inputs, tensors).graph
            for name, (function, inputs) in functions.items()
        }
        dtype = next(iter(graphs.values())).dtype
        engine = lanes_engine(dtype) if lanes > 1 else single_engine(dtype)
        code = engine.code(graphs)
        if engine.target.lanes and _bytes(code, tensors, engine.lanes) > LANES_BYTES:
            engine = single_engine(dtype)
            code = engine.code(graphs)
        return engine, engine.verified(code, functions, tensors)
    except (CompileError, TraceError) as error:
        return _plain(functions_for, tensors, bind, lanes, str(error))


def _plain(
    functions_for: Callable[[int], Functions],
    tensors: Tensors,
    bind: Callable[[Tensors], None],
    lanes: int,
    reason: str,
) -> tuple[Engine, dict[str, Program]]:
    engine = PlainEngine(lanes, reason)
    return engine, engine.programs(functions_for(engine.chunk), tensors, bind)


def _bytes(code: Code, tensors: Tensors, lanes: int) -> int:
    """What the lanes' longest step works on."""
    lasting = sum(x.numel() * x.element_size() for x in tensors.values())
    return lasting * lanes + max(step.scratch for step in code.steps.values())


def lanes_engine(dtype: torch.dtype) -> CompiledEngine:
    """Compiled code for as many networks as the processor's vectors hold. Raises CompilerError."""
    lanes = lanes_for(dtype)
    if lanes == 1:
        return single_engine(dtype)
    return _engine(dtype, lanes)


def single_engine(dtype: torch.dtype) -> CompiledEngine:
    """Compiled code for one network. Raises CompilerError."""
    return _engine(dtype, 0)


def _engine(dtype: torch.dtype, lanes: int) -> CompiledEngine:
    compiler = find_compiler()
    if compiler is None:
        raise CompilerError("no C compiler found")
    return CompiledEngine(compiler, target_for(dtype, lanes))


def target_for(dtype: torch.dtype, lanes: int = 0) -> Target:
    """This machine's vectors, for so many networks at once or, 0, for one."""
    native = vector_bytes() // dtype.itemsize
    registers = vector_registers()
    # A vector of more lanes than the processor's takes several of its registers.
    registers //= max(1, lanes // native)
    return Target(lanes, native, registers, dtype == torch.float64)
