"""Lowering: from ATen calls to operations. All that a step may call stands in a table here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch

from minidl.engine.graph import Buffer, Call, Graph, View
from minidl.engine.operations import Contract, Index, Kind, Map, Number, Operand, Operation, Reduce
from minidl.engine.words import take_words
from minidl.errors import LoweringError

# What computes with reals and gives a real; {0}, {1} are the operands.
_REAL = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "rsub": "{1} - {0}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "neg": "-{0}",
    "reciprocal": "splat(1) / {0}",
    "abs": "abs({0})",
    "sign": "sign({0})",
    "sqrt": "sqrt({0})",
    "rsqrt": "splat(1) / sqrt({0})",
    "exp": "exp({0})",
    "expm1": "expm1({0})",
    "log": "log({0})",
    "log1p": "log1p({0})",
    "tanh": "tanh({0})",
    "sigmoid": "sigmoid({0})",
    "erf": "erf({0})",
    "maximum": "max({0}, {1})",
    "minimum": "min({0}, {1})",
    "square": "{0} * {0}",
}
# Comparisons: of reals or of integers; they give the reals 0 and 1.
_COMPARISONS = {name: f"{name}({{0}}, {{1}})" for name in ("gt", "ge", "lt", "le", "eq", "ne")}
_LOGIC = {
    "logical_and": "and({0}, {1})",
    "logical_or": "or({0}, {1})",
    "logical_not": "not({0})",
}
_INTEGER = {
    "add": "add({0}, {1})",
    "sub": "sub({0}, {1})",
    "mul": "mul({0}, {1})",
    "neg": "neg({0})",
    "maximum": "max({0}, {1})",
    "minimum": "min({0}, {1})",
}
_BITS = {"bitwise_and": "and", "__and__": "and", "bitwise_or": "or", "__or__": "or"}
_BITS |= {"bitwise_xor": "xor", "__xor__": "xor"}
_INTEGER |= {name: f"{function}({{0}}, {{1}})" for name, function in _BITS.items()}
_SHIFTS = {"__rshift__": "shr", "bitwise_right_shift": "shr"}
_SHIFTS |= {"__lshift__": "shl", "bitwise_left_shift": "shl"}
_BOOLEAN = {name: _INTEGER[name] for name in _BITS if _BITS[name] != "xor"}
_BOOLEAN |= {"bitwise_not": "not({0})", "add": "or({0}, {1})", "mul": "and({0}, {1})"}
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
        return [_map(call, "{0}", [Number(_FILLS[name])])]
    if name in ("fill", "full", "full_like", "new_full", "scalar_tensor"):
        return [_copy(call, _operand(args[{"scalar_tensor": 0, "new_full": 2}.get(name, 1)]))]
    if name in _COPIES:
        return [_copy(call, args[0])]
    if name == "copy":
        return [_copy(call, args[1])]
    if name == "arange":
        start, step = (args[0], 1) if len(args) > 1 else (0, 1)
        step = args[2] if len(args) > 2 else step
        return [_map(call, "{0}", [Index(0, start, step)])]
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
    return [_elementwise(call)]


def _elementwise(call: Call) -> Map:
    name, args = call.name, list(call.args)
    whole, logical = call.out.buffer.kind == "int", call.out.buffer.dtype == torch.bool
    if name in ("add", "sub", "rsub"):
        alpha = call.options.get("alpha", args[2] if len(args) > 2 else 1)
        if alpha != 1 and not whole:
            scaled = 0 if name == "rsub" else 1
            template = _REAL[name].replace(f"{{{scaled}}}", f"{{{scaled}}} * {{2}}")
            return _map(call, template, [*map(_operand, args[:2]), Number(alpha)])
        if alpha != 1:
            raise LoweringError(f"{name} of integers with alpha in {call.where}")
    operands = [_operand(one) for one in args if one is not None]
    views = [one for one in operands if isinstance(one, View)]
    if name in _COMPARISONS:
        whole = all(x.buffer.kind == "int" for x in views) and all(
            math.isfinite(x.value) and x.value == int(x.value)
            for x in operands
            if isinstance(x, Number)
        )
        return Map(call.out, _COMPARISONS[name], operands, "int" if whole else "real", "real", call)
    if name in _LOGIC:
        return _map(call, _LOGIC[name], operands)
    if whole and name in _SHIFTS and isinstance(args[1], int):
        return _map(call, f"{_SHIFTS[name]}({{0}}, {{1}})", operands)
    if not whole and not logical and name in _OTHERS:
        return _OTHERS[name](call)
    table = _INTEGER if whole else _BOOLEAN if logical else _REAL
    if name not in table or (logical and {x.buffer.dtype for x in views} != {torch.bool}):
        raise LoweringError(f"{name} in {call.where}")
    return _map(call, table[name], operands)


def _map(call: Call, template: str, operands: Sequence[Operand]) -> Map:
    kind = call.out.buffer.kind
    return Map(call.out, template, list(operands), kind, kind, call)


def _copy(call: Call, source: Operand) -> Map:
    """A copy, in the result's type."""
    if call.out.buffer.dtype == torch.bool and not (
        isinstance(source, View) and source.buffer.dtype == torch.bool
    ):
        kind: Kind = source.buffer.kind if isinstance(source, View) else "real"
        return Map(call.out, "ne({0}, {1})", [source, Number(0)], kind, "real", call)
    return _map(call, "{0}", [source])


def _where(call: Call) -> Map:
    return _map(call, "where({0}, {1}, {2})", [_operand(one) for one in call.args])


def _addcmul(call: Call) -> Map:
    value = Number(call.options.get("value", 1))
    return _map(call, "{0} + {1} * {2} * {3}", [*map(_operand, call.args[:3]), value])


def _operand(value: Any) -> Operand:
    if isinstance(value, View):
        return value
    if isinstance(value, bool | int | float):
        return Number(value)
    raise LoweringError(f"an operand {value!r}")


def _clamp(call: Call) -> Map:
    low, high = (call.options.get(key) for key in ("min", "max"))
    given = call.args[1:]
    if given:
        low, high = {
            "clamp_min": (given[0], None),
            "clamp_max": (None, given[0]),
            "clamp": (given[0], given[1] if len(given) > 1 else high),
        }[call.name]
    template, operands = "{0}", [_operand(call.args[0])]
    for scalar, tensor, bound in (("clamp_min", "max", low), ("clamp_max", "min", high)):
        if bound is not None:
            # A tensor's bound may be NaN, and so is then the result.
            function = tensor if isinstance(bound, View) else scalar
            template = f"{function}({template}, {{{len(operands)}}})"
            operands.append(_operand(bound))
    return _map(call, template, operands)


def _power(call: Call) -> Map:
    base, exponent = call.args
    templates = {2: "{0} * {0}", 3: "{0} * {0} * {0}", 0.5: "sqrt({0})", -1: "splat(1) / {0}"}
    if not isinstance(exponent, int | float) or exponent not in templates:
        raise LoweringError(f"pow by {exponent!r} in {call.where}")
    return _map(call, templates[exponent], [_operand(base)])


# What computes with reals, and isn't a line of a table.
_OTHERS: dict[str, Callable[[Call], Map]] = {
    "clamp": _clamp,
    "clamp_min": _clamp,
    "clamp_max": _clamp,
    "where": _where,
    "pow": _power,
    "addcmul": _addcmul,
}


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
        _map(call, "{0} + {1}", [start, product]),
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
