"""How a stack stands, as its process tells the one that shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """A stack in the midst of its work; the dicts have the members' names as keys."""

    epoch: int
    epochs: int
    statuses: dict[str, str]
    metric: str  # which says what is best
    best: dict[str, float]
