"""A count with its noun."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """`1 run`, `1,200 runs`, `2 classes`."""
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{ending}"
