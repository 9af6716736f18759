"""What makes a step fast: traced once, compiled, run for many networks side by side.

Start reading at trace.py (a step as a graph), then lowering.py, simplify.py, kernels.py and
loops.py (the graph as C), program.py (what runs it); plain.py is the way without a compiler,
choose.py says which of both a training gets, and compiled_step.py is `minidl.compile`. Nothing here
knows what a network is: it gets functions of tensors, and the lasting tensors that they work on.
"""

from __future__ import annotations

from minidl.engine.base import Engine, Program, State
from minidl.engine.choose import prepare
from minidl.engine.compiled_step import CompiledStep, compile
from minidl.engine.plain import PlainEngine
from minidl.errors import CompileError, TraceError

__all__ = [
    "CompileError",
    "CompiledStep",
    "Engine",
    "PlainEngine",
    "Program",
    "State",
    "TraceError",
    "compile",
    "prepare",
]
