"""The words of a kernel's C code: memory, numbers and expressions.

Kernels are written for networks as lanes, or for one network by vectors along its results:

- lanes: a number is a vector, of one number for each network (`real8`);
- single: a number is a number, and loops go along a dimension of the result by vectors; what is
  left at the end is a part of one with AVX-512, which reads and writes parts, else vectors of half
  the width, of a quarter, and so on.

Both compute each number by the same operations in the same order: they give the same bits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np

from minidl.engine.graph import View
from minidl.engine.kernels import Kernel, Place, place
from minidl.engine.operations import Index, Kind, Map, Number, Operand
from minidl.engine.target import Target, Vector

INFINITY = "__builtin_inf()"
_CALLED = re.compile(r"\b([a-z_]+[0-9]?[a-z_]*)\(")
_NAME = re.compile(r"\w+")


@dataclass(frozen=True)
class Function:
    """A kernel's C function, named `@`.

    Its parameters are the places of these views, memory for itself of `scratch` reals if that isn't
    0, and how often its outer loops run: so kernels that differ in that alone are one function.
    """

    text: str
    parameters: list[View]
    scratch: int
    sizes: list[int]


@dataclass(frozen=True)
class Spot:
    """Where in a kernel's loops code stands.

    `at` has C's expression of each loop's index; `along` is the loop that goes by vectors of
    kind `vector` (-1: none).
    """

    at: dict[int, str]
    along: int
    vector: Vector

    @property
    def width(self) -> int:
        """How many numbers its vectors hold."""
        return self.vector.width

    def moved(self, at: dict[int, str]) -> Spot:
        """The same with other indices of some loops."""
        return Spot({**self.at, **at}, self.along, self.vector)


class Writer:
    """Writes a kernel's function line by line."""

    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.kernel, self.target = kernel, target
        self.scratch = 0
        self._lines: list[str] = []
        self._depth = 1
        self._parameters: dict[tuple[int, int], tuple[str, View]] = {}
        self._functions: list[str] = []  # that the kernel's own calls
        self._used: set[str] = set()  # parameters, in one of these
        self._sizes: list[int] = []
        self._stored = {id(one) for one in kernel.stored}

    def function(self) -> Function:
        """All that was written."""
        named = self._parameters.values()
        parameters = self._declared(name for name, _ in named)
        if self.scratch:
            parameters.append("REAL *scratch")
        parameters += [f"long size{number}" for number in range(len(self._sizes))]
        head = f"static void @({', '.join(parameters)}) {{"
        text = "\n".join([*self._functions, head, *self._lines, "}"])
        return Function(text, [view for _, view in named], self.scratch, self._sizes)

    def _declared(self, names: Iterable[str]) -> list[str]:
        views = dict(self._parameters.values())
        return [f"{self._memory(views[name])} *{name}" for name in names]

    @contextmanager
    def inline(self, name: str, parameters: Sequence[str]) -> Iterator[list[str]]:
        """A function of its own, of what is written inside; gives the pointers that it takes too.

        They are known only at the end.
        """
        outside, self._lines, self._depth, depth = self._lines, [], 1, self._depth
        self._used = set()
        pointers: list[str] = []
        yield pointers
        pointers += sorted(self._used)
        head = ", ".join([*self._declared(pointers), *parameters])
        self._functions += [f"MINIDL_INLINE void {name}({head}) {{", *self._lines, "}"]
        self._lines, self._depth = outside, depth

    # Lines.

    def line(self, text: str) -> None:
        self._lines.append("  " * self._depth + text)

    def open(self, text: str = "") -> None:
        self.line(f"{text} {{".lstrip())
        self._depth += 1

    def loop(self, variable: str, end: int, step: int = 1, start: int = 0) -> None:
        forward = f"{variable}++" if step == 1 else f"{variable} += {step}"
        last = str(end)
        if self._depth == 1 and not start:
            last = f"size{len(self._sizes)}"
            self._sizes.append(end)
        self.open(f"for (long {variable} = {start}; {variable} < {last}; {forward})")

    def close(self, count: int = 1) -> None:
        for _ in range(count):
            self._depth -= 1
            self.line("}")

    def pieces(self, loop: int, size: int, tag: str = "i") -> Iterator[Spot]:
        """Writes a loop around what the caller writes for each piece of it."""
        lanes = self.target.lanes
        if loop < 0:
            yield Spot({}, -1, Vector(lanes or 1))
            return
        for start, count, vector in self.target.vectors(size):
            step = 1 if lanes else vector.width
            if count == 1:
                self.open()
                yield Spot({loop: str(start)}, loop, vector)
            else:
                self.loop(f"{tag}{loop}", start + count * step, step, start)
                yield Spot({loop: f"{tag}{loop}"}, loop, vector)
            self.close()

    # Memory.

    def _memory(self, view: View) -> str:
        kind = view.buffer.kind
        # Constants are the same for all networks.
        lanes = self.target.lanes and view.buffer.role != "constant"
        return typed(kind, self.target.lanes) if lanes else scalar(kind)

    def pointer(self, view: View) -> str:
        """The parameter that points to a view's first element."""
        key = view.buffer.number, view.offset
        if key not in self._parameters:
            self._parameters[key] = f"p{len(self._parameters)}", view
        self._used.add(self._parameters[key][0])
        return self._parameters[key][0]

    def load(self, view: View, steps: Sequence[int], spot: Spot) -> str:
        """What a view with one step for each loop has there."""
        at, offset = self.pointer(view), address(spot.at, steps)
        kind, width = view.buffer.kind, spot.width
        if self.target.lanes:
            shared = view.buffer.role == "constant"
            return splat(kind, width, f"{at}[{offset}]") if shared else f"{at}[{offset}]"
        if width == 1:
            return f"{at}[{offset}]"
        if spot.along < 0 or steps[spot.along] == 0:
            return splat(kind, width, f"{at}[{offset}]")
        if part := spot.vector.part:
            return f"load{suffix(kind)}_part{width}({at} + {offset}, {part})"
        return f"load{suffix(kind)}{width}({at} + {offset})"

    def store(self, view: View, steps: Sequence[int], spot: Spot, value: str) -> None:
        """Write a value there."""
        at, offset = self.pointer(view), address(spot.at, steps)
        name = f"store{suffix(view.buffer.kind)}"
        if self.target.lanes or spot.width == 1:
            self.line(f"{at}[{offset}] = {value};")
        elif part := spot.vector.part:
            self.line(f"{name}_part{spot.width}({at} + {offset}, {value}, {part});")
        else:
            self.line(f"{name}{spot.width}({at} + {offset}, {value});")

    def is_stored(self, one: object) -> bool:
        """Whether an operation's result goes to memory."""
        return id(one) in self._stored

    # Expressions.

    def maps(self, maps: Sequence[Map], spot: Spot, known: dict[Place, str], tag: str = "") -> None:
        """Element-wise operations; `known` has the names of what is computed, by its place."""
        for number, one in enumerate(maps):
            values = [self._operand(x, one, spot, known) for x in one.operands]
            value = _with_width(one.template, one.kind, spot.width).format(*values)
            kind = one.out.buffer.kind
            if one.result != kind:
                value = converted(kind, spot.width, value)
            if not (one.template == "{0}" and _NAME.fullmatch(value)):
                name = f"t{number}{tag}"
                self.line(f"{typed(kind, spot.width)} {name} = {value};")
                value = name
            known[place(one.out)] = value
        for one in maps:
            if self.is_stored(one):
                self.store(one.out, one.out.steps, spot, known[place(one.out)])

    def _operand(self, x: Operand, one: Map, spot: Spot, known: dict[Place, str]) -> str:
        if isinstance(x, Number):
            return self.number(x.value, one.kind, spot.width)
        if isinstance(x, Index):
            return self._index(x, one, spot)
        expanded = x.expanded(one.out.shape)
        value = known.get(place(expanded)) or self.load(x, expanded.steps_like(one.out), spot)
        return value if x.buffer.kind == one.kind else converted(one.kind, spot.width, value)

    def number(self, value: float, kind: Kind, width: int) -> str:
        """A constant."""
        if kind == "int":
            text = f"INT64_C({int(value)})"
        elif math.isnan(value):
            text = '__builtin_nan("")'
        elif math.isinf(value):
            text = INFINITY if value > 0 else f"-{INFINITY}"
        else:
            text = repr(float(value)) if self.target.double else _float32(value)
        return splat(kind, width, text)

    def _index(self, x: Index, one: Map, spot: Spot) -> str:
        """start + step · (the index of a loop)"""
        loops = [d for d, n in enumerate(one.out.shape) if n != 1]
        if x.dim not in loops:
            return self.number(x.start, one.kind, spot.width)
        loop, width = loops.index(x.dim), spot.width
        whole = one.kind == "int"
        start, step = (int(x.start), int(x.step)) if whole else (float(x.start), float(x.step))
        first = f"{start} + {step} * ({spot.at[loop]})"
        if loop == spot.along and width > 1 and not self.target.lanes:
            return f"ramp{suffix(one.kind)}{width}({first}, {step})"
        return splat(one.kind, width, first)


def address(at: dict[int, str], steps: Sequence[int]) -> str:
    """The offset of an element, from its index in each loop."""
    terms = []
    for loop, step in enumerate(steps):
        index = at.get(loop, "0")
        if step and index != "0":
            inner = f"({index})" if "+" in index else index
            terms.append(f"{inner} * {step}" if step != 1 else index)
    return " + ".join(terms) or "0"


def typed(kind: Kind, width: int) -> str:
    """The type of a vector."""
    return f"{'ints' if kind == 'int' else 'real'}{width}"


def scalar(kind: Kind) -> str:
    """The type of a number in memory."""
    return "int64_t" if kind == "int" else "REAL"


def splat(kind: Kind, width: int, value: str) -> str:
    """A vector of equal numbers."""
    return f"splat{suffix(kind)}{width}({value})"


def converted(kind: Kind, width: int, value: str) -> str:
    """A vector of the other kind as one of this."""
    return f"to_{'ints' if kind == 'int' else 'reals'}{width}({value})"


def suffix(kind: Kind) -> str:
    """Of names of functions in vectors.h."""
    return "_ints" if kind == "int" else ""


def _with_width(template: str, kind: Kind, width: int) -> str:
    """The names of a template's functions as vectors.h has them."""

    def named(match: re.Match[str]) -> str:
        name = match[1]
        return f"{name}{'' if 'words' in name else suffix(kind)}{width}("

    return _CALLED.sub(named, template)


@cache
def _float32(value: float) -> str:
    with np.errstate(over="ignore"):
        rounded = np.float32(value)
    if np.isinf(rounded):
        return INFINITY if rounded > 0 else f"-{INFINITY}"
    return f"{float(str(rounded))!r}f"
