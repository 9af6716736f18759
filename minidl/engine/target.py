"""For what processor's vectors code is written, and how rows of numbers are cut into them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """For what code is written: `lanes` networks at once, or one (0) by vectors along its results.

    `width`: how many numbers a vector of the processor holds, `registers`: how many such vectors,
    of `lanes` numbers where there are any, it holds at once.
    """

    lanes: int
    width: int
    registers: int
    double: bool

    @property
    def widths(self) -> list[int]:
        """How many numbers the code's vectors hold, the most first."""
        if self.lanes:
            return [self.lanes]
        return [w for w in (16, 8, 4, 2, 1) if w <= self.width]

    def vectors(self, size: int) -> Iterator[tuple[int, int, Vector]]:
        """`size` numbers as vectors: from where on, how many there are, and of which kind."""
        if self.lanes:
            yield 0, size, Vector(self.lanes)
            return
        done = 0
        parts = self.width * (8 if self.double else 4) == 64  # AVX-512
        for width in self.widths:
            if count := (size - done) // width:
                yield done, count, Vector(width)
                done += count * width
            rest = size - done
            if parts and rest.bit_count() > 1:
                yield done, 1, Vector(self.width, rest)
                return


@dataclass(frozen=True)
class Vector:
    """A vector of `width` numbers, of which the first `part` are there (0: all)."""

    width: int
    part: int = 0
