"""Shapes in messages."""

from __future__ import annotations


def times(size: tuple[int, ...] | list[int]) -> str:
    """Sizes for a message: 3×32×32."""
    return "×".join(map(str, size))
