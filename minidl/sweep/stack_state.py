"""The checkpoint of a stack: what each of its networks needs to go on, in one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from minidl.member import State


@dataclass(frozen=True)
class StackState:
    """The networks by their members' names, in the order in which they stand in the stack.

    Products depend in their last bits on the size of a stack. So all its networks are here, also
    those of members that have ended since it was cut.
    """

    networks: Mapping[str, State]

    @property
    def finished(self) -> int:
        """The epochs that are behind them."""
        return max((int(state["finished"]) for _, state in self.networks.values()), default=0)

    def encode(self) -> State:
        """As one checkpoint has it."""
        tensors = {
            f"{place}.{name}": values
            for place, (own, _) in enumerate(self.networks.values())
            for name, values in own.items()
        }
        states = [state for _, state in self.networks.values()]
        return tensors, {"networks": list(self.networks), "states": states}

    @classmethod
    def decode(cls, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> StackState:
        """The inverse of `encode`. Raises ValueError where it is no stack's checkpoint."""
        try:
            own: list[dict[str, Tensor]] = [{} for _ in state["networks"]]
            for key, values in tensors.items():
                place, name = key.split(".", 1)
                own[int(place)][name] = values
            pairs = zip(own, state["states"], strict=True)
            networks = dict(zip(state["networks"], pairs, strict=True))
            epochs = {each["finished"] for each in state["states"]}
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError(f"no stack's checkpoint: {error!r}") from error
        if len(epochs) > 1:
            raise ValueError("its networks are of different epochs")
        return cls(networks)
