"""How often the tests of chance and disaster try.

`make test` tries a sample, `make slow` a larger one, `TORTURE=1 make slow` all that is promised,
and `make torture` ten times as much: with ten times as many seeds, or with the other nine of ten
VARIATIONS.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import pytest

T = TypeVar("T")

TIMES = int(os.environ.get("TORTURE", "1"))
ALL = "TORTURE" in os.environ


@dataclass(frozen=True)
class Part:
    """One of `count` equal parts of a test's attempts."""

    number: int
    count: int

    def of(self, attempts: Sequence[T]) -> Sequence[T]:
        """Every n-th for n parts, so that each is a sample of the whole."""
        return attempts[self.number :: self.count]


def in_parts(count: int, sample: int = 1, every: int = 1) -> pytest.MarkDecorator:
    """Gives a test its attempts in parts, side by side on all cores; all but the first are slow.

    The first is cut into `sample` parts once more, where even that would take long. Of the others
    only every n-th is there, n = `every`, unless TORTURE asks for all.
    """
    parts = [Part(number * count, sample * count) for number in range(sample)]
    parts += [Part(number, count) for number in range(1, count, 1 if ALL else every)]
    return pytest.mark.parametrize(
        "part",
        [
            pytest.param(
                part,
                id=f"{part.number + 1} of {part.count}",
                marks=[pytest.mark.slow] if part.number else [],
            )
            for part in parts
        ],
    )
