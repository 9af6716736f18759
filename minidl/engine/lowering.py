"""Lowering: from ATen calls to operations. What a step may call is here or in elementwise.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch

from minidl.engine.elementwise import copy, elementwise, mapped, operand
from minidl.engine.graph import Buffer, Call, Graph, View
from minidl.engine.operations import Contract, Index, Map, Number, Operation, Reduce
from minidl.engine.words import take_words
from minidl.errors import LoweringError

# The others change the result, which nobody needed so far.
_KNOWN_OPTIONS = {"alpha", "value", "min", "max", "dim", "keepdim", "dtype", "layout", "device"}
_KNOWN_OPTIONS |= {"pin_memory", "memory_format", "non_blocking"}
_FILLS = {"zero": 0, "zeros": 0, "zeros_like": 0, "new_zeros": 0}
_FILLS |= {"ones": 1, "ones_like": 1, "new_ones": 1}
_COPIES = {"clone", "_to_copy", "contiguous", "lift_fresh"}
_REDUCTIONS: dict[str, Literal["sum", "max", "min"]] = {
    "sum": "sum",
    "mean": "sum",
    "amax": "max",
    "amin": "min",
    "max": "max",
    "min": "min",
    "any": "max",
    "all": "min",
}


def operations(graph: Graph) -> list[Operation]:
    """The graph's calls as operations. Raises LoweringError."""
    _refuse_types(graph)
    made = [one for call in graph.calls for one in _lowered(call, graph)]
    take_words(made, graph.results)
    return made


def _refuse_types(graph: Graph) -> None:
    """Refuse memory that isn't laid out as the C code reads it."""
    for buffer in graph.buffers:
        types = {graph.dtype, torch.int64}
        if buffer.role in ("temporary", "result"):  # the code has reals for them
            types.add(torch.bool)
        if buffer.dtype not in types or graph.dtype not in (torch.float32, torch.float64):
            dtype = str(buffer.dtype).removeprefix("torch.")
            raise LoweringError(f"the step has a tensor of {dtype}")


def _lowered(call: Call, graph: Graph) -> list[Operation]:
    name, args = call.name, call.args
    if unknown := set(call.options) - _KNOWN_OPTIONS:
        raise LoweringError(f"{name} with {', '.join(sorted(unknown))} in {call.where}")
    if not call.out.numel:
        return []
    if name in _FILLS:
        return [mapped(call, "{0}", [Number(_FILLS[name])])]
    if name in ("fill", "full", "full_like", "new_full", "scalar_tensor"):
        return [copy(call, operand(args[{"scalar_tensor": 0, "new_full": 2}.get(name, 1)]))]
    if name in _COPIES:
        return [copy(call, args[0])]
    if name == "copy":
        return [copy(call, args[1])]
    if name == "arange":
        start, step = (args[0], 1) if len(args) > 1 else (0, 1)
        step = args[2] if len(args) > 2 else step
        return [mapped(call, "{0}", [Index(0, start, step)])]
    if name in ("mm", "bmm", "mv", "addmm", "baddbmm", "dot") and call.out.buffer.kind == "int":
        raise LoweringError(f"{name} of integers in {call.where}")
    if name in ("mm", "bmm"):
        return [_contraction(call.out, args[0], args[1], call)]
    if name in ("addmm", "baddbmm") and not {"alpha", "beta"} & set(call.options):
        return _contraction_added(call, graph)
    if name == "mv":
        return [_matrix_vector(call, args[0], args[1])]
    if name == "dot":
        return _dot(call, args, graph)
    if name in _REDUCTIONS or name == "argmax":
        return _reduction(call)
    if name in ("cat", "stack"):
        return _joined(call)
    return [elementwise(call)]


def _reduction(call: Call) -> list[Operation]:
    source: View = call.args[0]
    given = call.args[1] if len(call.args) > 1 else call.options.get("dim")
    rank = len(source.shape)
    if given is None or given == []:
        dims = tuple(range(rank))
    else:
        dims = tuple(sorted(d % rank for d in ([given] if isinstance(given, int) else given)))
    if call.name in ("max", "min") and given is not None:
        raise LoweringError(f"{call.name} over a dimension in {call.where}: use amax or amin")
    out = _with_dims(call.out, dims, rank)
    if call.name == "argmax":
        if len(dims) != 1:
            raise LoweringError(f"argmax over several dimensions in {call.where}")
        return [Reduce(out, source, dims, "argmax", call)]
    if source.buffer.kind == "int" or (call.out.buffer.kind == "int" and call.name != "argmax"):
        raise LoweringError(f"{call.name} of integers in {call.where}")
    if call.name in ("any", "all") and source.buffer.dtype != torch.bool:
        raise LoweringError(f"{call.name} of numbers in {call.where}: compare them with 0 first")
    if not source.numel:
        raise LoweringError(f"{call.name} of nothing in {call.where}")
    made: list[Operation] = [Reduce(out, source, dims, _REDUCTIONS[call.name], call)]
    if call.name == "mean":
        count = math.prod(source.shape[d] for d in dims)
        made.append(Map(out, "{0} / {1}", [out, Number(count)], "real", "real", call))
    return made


def _with_dims(view: View, dims: Sequence[int], rank: int) -> View:
    """A sum's result with the dimensions that were summed, of size 1."""
    if len(view.shape) == rank:
        return view
    own = iter(zip(view.shape, view.strides, strict=True))
    pairs = [(1, 0) if d in dims else next(own) for d in range(rank)]
    return View(view.buffer, view.offset, tuple(n for n, _ in pairs), tuple(s for _, s in pairs))


def _contraction(out: View, left: View, right: View, call: Call) -> Contract:
    if len(out.shape) == 2:
        out, left, right = (_batched(one) for one in (out, left, right))
    return Contract(out, left, right, call)


def _contraction_added(call: Call, graph: Graph) -> list[Operation]:
    """start + left right"""
    start, left, right = call.args
    product = _temporary(call.out.shape, call.out.buffer.dtype, graph)
    return [
        _contraction(product, left, right, call),
        mapped(call, "{0} + {1}", [start, product]),
    ]


def _temporary(shape: Sequence[int], dtype: torch.dtype, graph: Graph) -> View:
    """New memory, in order."""
    buffer = Buffer(len(graph.buffers), math.prod(shape), dtype)
    graph.buffers.append(buffer)
    strides = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
    return View(buffer, 0, tuple(shape), tuple(strides))


def _batched(view: View) -> View:
    return View(view.buffer, view.offset, (1, *view.shape), (0, *view.strides))


def _matrix_vector(call: Call, matrix: View, vector: View) -> Contract:
    out = View(call.out.buffer, call.out.offset, (*call.out.shape, 1), (*call.out.strides, 0))
    right = View(vector.buffer, vector.offset, (*vector.shape, 1), (*vector.strides, 0))
    return Contract(_batched(out), _batched(matrix), _batched(right), call)


def _dot(call: Call, args: Sequence[View], graph: Graph) -> list[Operation]:
    a, b = args
    product = _temporary(a.shape, a.buffer.dtype, graph)
    out = View(call.out.buffer, call.out.offset, (1,), (0,))
    return [
        Map(product, "{0} * {1}", [a, b], "real", "real", call),
        Reduce(out, product, (0,), "sum", call),
    ]


def _joined(call: Call) -> list[Operation]:
    """cat and stack: a copy of each part into its place."""
    parts: list[View] = call.args[0]
    dim = call.args[1] if len(call.args) > 1 else call.options.get("dim", 0)
    out = call.out
    dim %= len(out.shape)
    made: list[Operation] = []
    start = 0
    for part in parts:
        if call.name == "stack":
            shape = (*part.shape[:dim], 1, *part.shape[dim:])
            strides = (*part.strides[:dim], 0, *part.strides[dim:])
            part = View(part.buffer, part.offset, shape, strides)
        here = View(out.buffer, out.offset + start * out.strides[dim], part.shape, out.strides)
        kind = out.buffer.kind
        made.append(Map(here, "{0}", [part], kind, kind, call))
        start += part.shape[dim]
    return made
