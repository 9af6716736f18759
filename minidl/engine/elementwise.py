"""Calls that compute an entry from entries: arithmetic, functions, comparisons, logic, copies."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from minidl.engine.graph import Call, View
from minidl.engine.operations import Kind, Map, Number, Operand
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


def elementwise(call: Call) -> Map:
    """The call as a map. Raises LoweringError for one that no table has."""
    name, args = call.name, list(call.args)
    whole, logical = call.out.buffer.kind == "int", call.out.buffer.dtype == torch.bool
    if name in ("add", "sub", "rsub"):
        alpha = call.options.get("alpha", args[2] if len(args) > 2 else 1)
        if alpha != 1 and not whole:
            scaled = 0 if name == "rsub" else 1
            template = _REAL[name].replace(f"{{{scaled}}}", f"{{{scaled}}} * {{2}}")
            return mapped(call, template, [*map(operand, args[:2]), Number(alpha)])
        if alpha != 1:
            raise LoweringError(f"{name} of integers with alpha in {call.where}")
    operands = [operand(one) for one in args if one is not None]
    views = [one for one in operands if isinstance(one, View)]
    if name in _COMPARISONS:
        whole = all(x.buffer.kind == "int" for x in views) and all(
            math.isfinite(x.value) and x.value == int(x.value)
            for x in operands
            if isinstance(x, Number)
        )
        return Map(call.out, _COMPARISONS[name], operands, "int" if whole else "real", "real", call)
    if name in _LOGIC:
        return mapped(call, _LOGIC[name], operands)
    if whole and name in _SHIFTS and isinstance(args[1], int):
        return mapped(call, f"{_SHIFTS[name]}({{0}}, {{1}})", operands)
    if not whole and not logical and name in _OTHERS:
        return _OTHERS[name](call)
    table = _INTEGER if whole else _BOOLEAN if logical else _REAL
    if name not in table or (logical and {x.buffer.dtype for x in views} != {torch.bool}):
        raise LoweringError(f"{name} in {call.where}")
    return mapped(call, table[name], operands)


def mapped(call: Call, template: str, operands: Sequence[Operand]) -> Map:
    """The result's entries, as the template has them from the operands'."""
    kind = call.out.buffer.kind
    return Map(call.out, template, list(operands), kind, kind, call)


def copy(call: Call, source: Operand) -> Map:
    """A copy, in the result's type."""
    if call.out.buffer.dtype == torch.bool and not (
        isinstance(source, View) and source.buffer.dtype == torch.bool
    ):
        kind: Kind = source.buffer.kind if isinstance(source, View) else "real"
        return Map(call.out, "ne({0}, {1})", [source, Number(0)], kind, "real", call)
    return mapped(call, "{0}", [source])


def _where(call: Call) -> Map:
    return mapped(call, "where({0}, {1}, {2})", [operand(one) for one in call.args])


def _addcmul(call: Call) -> Map:
    value = Number(call.options.get("value", 1))
    return mapped(call, "{0} + {1} * {2} * {3}", [*map(operand, call.args[:3]), value])


def operand(value: Any) -> Operand:
    """A call's argument as what an operation reads. Raises LoweringError."""
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
    template, operands = "{0}", [operand(call.args[0])]
    for scalar, tensor, bound in (("clamp_min", "max", low), ("clamp_max", "min", high)):
        if bound is not None:
            # A tensor's bound may be NaN, and so is then the result.
            function = tensor if isinstance(bound, View) else scalar
            template = f"{function}({template}, {{{len(operands)}}})"
            operands.append(operand(bound))
    return mapped(call, template, operands)


def _power(call: Call) -> Map:
    base, exponent = call.args
    templates = {2: "{0} * {0}", 3: "{0} * {0} * {0}", 0.5: "sqrt({0})", -1: "splat(1) / {0}"}
    if not isinstance(exponent, int | float) or exponent not in templates:
        raise LoweringError(f"pow by {exponent!r} in {call.where}")
    return mapped(call, templates[exponent], [operand(base)])


# What computes with reals, and isn't a line of a table.
_OTHERS: dict[str, Callable[[Call], Map]] = {
    "clamp": _clamp,
    "clamp_min": _clamp,
    "clamp_max": _clamp,
    "where": _where,
    "pow": _power,
    "addcmul": _addcmul,
}
