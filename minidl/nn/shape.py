"""Shapes of samples: in messages, and what follows from them."""

from __future__ import annotations

import inspect
from typing import Any


def times(size: tuple[int, ...] | list[int]) -> str:
    """Sizes for a message: 3×32×32."""
    return "×".join(map(str, size))


def inferred(kind: type, sample: tuple[int, ...]) -> dict[str, Any]:
    """The arguments of a module's constructor that follow from the shape of a sample."""
    firsts = ("in_features", "in_channels", "num_features", "num_channels")
    known: dict[str, Any] = dict.fromkeys(firsts, sample[0])
    known["normalized_shape"] = sample
    wanted = inspect.signature(kind).parameters
    return {name: value for name, value in known.items() if name in wanted}
