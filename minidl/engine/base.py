"""What an engine is to those who train: many networks of one kind, each in a lane of its own.

A step is a function of one network's tensors. An engine runs it for several networks side by side.
Their lasting tensors (parameters, gradients, what an optimizer remembers …) have names, equal for
all networks of a kind, and lie in a `State`, lane by lane.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[Any]
Tensors = Mapping[str, Tensor]
Function = Callable[..., None]
# By name: what to run, with example inputs.
Functions = Mapping[str, tuple[Function, tuple[Tensor, ...]]]
Sources = Sequence[tuple[Tensor, ...] | None]


class State(Protocol):
    """The lasting tensors of up to `lanes` networks."""

    def put(self, lane: int, tensors: Tensors) -> None:
        """Copy one network's tensors into a lane: all of them, or some."""

    def take(self, lane: int, tensors: Tensors) -> None:
        """Copy a lane's values into these tensors."""

    def read(self, name: str) -> Array:
        """A tensor's values of all lanes (lanes, *shape), as a copy."""

    def write(self, name: str, values: Array) -> None:
        """The inverse of `read`."""


class Program(Protocol):
    """A function, made ready to run for all lanes at once."""

    def run(
        self,
        state: State,
        sources: Sources,
        rows: NDArray[np.int64],
        numbers: Mapping[str, NDArray[np.float64]],
    ) -> None:
        """Run it rows.shape[1] times, one after the other.

        sources: for each lane the whole data (N, …) of each of the function's inputs, or None where
            the lane is idle: what it holds afterwards is of no use, unless the function leaves it.
        rows (lanes, steps, batch): which samples each step takes; batch 0 without inputs.
        numbers (steps, lanes) or (1, lanes): values of 0-dimensional tensors before each step, or
            before all.
        """


class Engine(Protocol):
    """One way to run functions."""

    @property
    def description(self) -> str:
        """As run.json has it; the first word says what results depend on: compiled or plain."""

    @property
    def lanes(self) -> int:
        """How many networks it runs at once."""

    @property
    def chunk(self) -> int:
        """About how many samples an evaluation had best take at once."""

    def state(self, tensors: Tensors) -> State:
        """Lanes for tensors of these names and shapes."""
