"""A kernel's loops in C: element-wise ones here, those of sums in files of their own."""

from __future__ import annotations

from collections.abc import Sequence

from minidl.engine.contraction import write_contraction
from minidl.engine.graph import View
from minidl.engine.kernels import Kernel, merged
from minidl.engine.operations import Contract, Index, Map, Reduce
from minidl.engine.reduction import write_reduction
from minidl.engine.target import Target
from minidl.engine.writer import Function, Spot, Writer


def function_of(kernel: Kernel, target: Target) -> Function:
    """The kernel in C."""
    writer = Writer(kernel, target)
    if isinstance(kernel.head, Contract):
        write_contraction(writer, kernel.head)
    elif isinstance(kernel.head, Reduce):
        write_reduction(writer, kernel.head)
    else:
        _write_maps(writer, kernel.maps, kernel.shape)
    return writer.function()


def _write_maps(writer: Writer, maps: Sequence[Map], shape: Sequence[int]) -> None:
    """Loops over a result's elements, the one by vectors inside."""
    steps = [_steps(view, one) for one in maps for view in (one.out, *one.reads)]
    loops, sizes = list(range(len(shape))), list(shape)
    if not any(isinstance(x, Index) for one in maps for x in one.operands):
        loops, sizes = merged(loops, steps, sizes)
    fitting = [loop for loop in loops if {own[loop] for own in steps} <= {0, 1}]
    if writer.target.lanes:
        along = loops[-1] if loops else -1
    else:
        along = max(fitting, key=lambda loop: (sizes[loop], loop), default=-1)
    outer = [loop for loop in loops if loop != along]
    for loop in outer:
        writer.loop(f"i{loop}", sizes[loop])
    at = {loop: f"i{loop}" for loop in outer}
    for spot in writer.pieces(along, sizes[along] if along >= 0 else 1):
        writer.maps(maps, Spot({**at, **spot.at}, spot.along, spot.vector), {})
    writer.close(len(outer))


def _steps(view: View, one: Map) -> tuple[int, ...]:
    return view.expanded(one.out.shape).steps_like(one.out)
