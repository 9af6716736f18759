"""What a step computes: operations element by element, reductions and contractions.

An operation says for each element of its result how it is computed; loops come later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from minidl.engine.graph import Call, View

Kind = Literal["real", "int"]


@dataclass(frozen=True)
class Number:
    """A constant of the code."""

    value: float


@dataclass(frozen=True)
class Index:
    """start + step · (the index along a dimension of the result)."""

    dim: int
    start: float
    step: float


Operand = View | Number | Index


@dataclass
class Map:
    """out[i] = f(operands[i]), element by element; `template` is f in C."""

    out: View
    template: str
    operands: list[Operand]
    kind: Kind  # of what f computes with
    result: Kind  # and gives, before it is converted to the memory's kind
    call: Call

    @property
    def reads(self) -> list[View]:
        return [one for one in self.operands if isinstance(one, View)]


@dataclass
class Reduce:
    """out[kept] = the sum, maximum … of source over `dims`; out keeps them with size 1."""

    out: View
    source: View
    dims: tuple[int, ...]
    how: Literal["sum", "max", "min", "argmax"]
    call: Call

    @property
    def reads(self) -> list[View]:
        return [self.source]

    @property
    def summed(self) -> list[int]:
        """Which of the loops over the source are summed."""
        loops = [d for d, n in enumerate(self.source.shape) if n != 1]
        return [loop for loop, d in enumerate(loops) if d in self.dims]


@dataclass
class Contract:
    """out[b, j, n] = Σₖ left[b, j, k] · right[b, k, n]"""

    out: View
    left: View
    right: View
    call: Call

    @property
    def reads(self) -> list[View]:
        return [self.left, self.right]


Operation = Map | Reduce | Contract
