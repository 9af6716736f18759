"""What a traced step consists of: calls over views of memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

# state: lasts, and is written; input: comes with each step; constant: lasts, and is only read;
# result: what the step returns; temporary: everything else.
Role = Literal["state", "input", "constant", "result", "temporary"]


@dataclass
class Buffer:
    """A piece of memory that views lie in."""

    number: int
    size: int  # in elements
    dtype: torch.dtype
    role: Role = "temporary"
    name: str = ""
    tensor: Tensor | None = None  # keeps the memory of a trace alive, and a constant's values

    @property
    def kind(self) -> Literal["real", "int"]:
        """How the C code holds its elements: booleans are the reals 0 and 1."""
        return "int" if self.dtype == torch.int64 else "real"


@dataclass(frozen=True)
class View:
    """Elements of a buffer: the place of the first, and the step along each dimension."""

    buffer: Buffer = field(hash=False)
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @cached_property
    def numel(self) -> int:
        return math.prod(self.shape)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the loops over it: of all dimensions but those of size 1."""
        return tuple(n for n in self.shape if n != 1)

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """The strides of these loops."""
        return tuple(s for n, s in zip(self.shape, self.strides, strict=True) if n != 1)

    def steps_like(self, result: View) -> tuple[int, ...]:
        """Its strides along the loops of a result of the same shape."""
        return tuple(s for n, s in zip(result.shape, self.strides, strict=True) if n != 1)

    @cached_property
    def last(self) -> int:
        """The place of its last element in the buffer."""
        steps = ((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        return self.offset + sum(steps)

    def overlaps(self, other: View) -> bool:
        """Whether both may share an element; never False where they do."""
        if self.buffer is not other.buffer or not self.numel or not other.numel:
            return False
        return self.offset <= other.last and other.offset <= self.last

    def is_dense(self) -> bool:
        """Whether it covers each place from its first to its last element exactly once."""
        expected = 1
        sizes = sorted(zip(self.strides, self.shape, strict=True))
        for stride, size in sizes:
            if size == 1:
                continue
            if stride != expected:
                return False
            expected *= size
        return True

    def expanded(self, shape: Sequence[int]) -> View:
        """Broadcast to a shape, as torch does it: repeated along dimensions with step 0."""
        lead = len(shape) - len(self.shape)
        strides = [0] * lead
        for size, own, stride in zip(shape[lead:], self.shape, self.strides, strict=True):
            strides.append(0 if own == 1 and size != 1 else stride)
        return View(self.buffer, self.offset, tuple(shape), tuple(strides))


@dataclass
class Call:
    """One ATen call: what it reads, where it writes; `name` is `add` also for `add_`."""

    name: str
    args: list[Any]  # views, numbers, lists of numbers
    options: dict[str, Any]
    out: View
    where: str  # the module and method: "Linear.forward"
    formula: str = ""


@dataclass
class Graph:
    """The calls of one step, in order, and the memory that they work on."""

    calls: list[Call]
    buffers: list[Buffer]
    inputs: list[Buffer]
    results: list[View]
    dtype: torch.dtype  # of its real numbers

    def named(self, role: Role) -> Iterator[Buffer]:
        """The buffers of a role."""
        return (buffer for buffer in self.buffers if buffer.role == role)
