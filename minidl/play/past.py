"""The states in which a training was: what `back` needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

State = tuple[dict[str, Tensor], dict[str, Any]]

BUDGET = 64 * 2**20  # bytes for the states of one page


class Past:
    """States at the ends of epochs, the first always among them.

    Where they become too many, every second one goes: from what remains an epoch is repeated.
    share: how many of them share the budget.
    """

    def __init__(self, first: State, share: int = 1) -> None:
        self._states: dict[int, State] = {0: first}
        self._most = max(2, BUDGET // share // _size(first[0]))
        self._every = 1

    def keep(self, epoch: int, state: State) -> None:
        """Remember the state at an epoch's end."""
        self._states[epoch] = state
        if len(self._states) > self._most:
            self._every *= 2
            self._states = {at: one for at, one in self._states.items() if self.due(at)}

    def due(self, epoch: int) -> bool:
        """Whether the state at an epoch's end is to be kept."""
        return epoch % self._every == 0

    def go_back(self, epoch: int) -> State:
        """The last state at or before an epoch's end; what came later is forgotten."""
        self._states = {at: one for at, one in self._states.items() if at <= epoch}
        return self._states[max(self._states)]

    def __len__(self) -> int:
        return len(self._states)


def _size(tensors: Mapping[str, Tensor]) -> int:
    return sum(x.nbytes for x in tensors.values())
