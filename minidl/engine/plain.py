"""The plain way: a function runs as it stands in Python, on any device.

Several networks run at once through torch.func.vmap. Slower than compiled code, and equal to it but
for rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minidl.engine.base import Array, Function, Functions, Program, Sources, State, Tensors
from minidl.host import Computation, watching

# A call from Python costs more than a chunk's arithmetic.
CHUNK = 2048


class PlainEngine:
    """Runs everything; `reason` says why nothing faster does."""

    chunk = CHUNK

    def __init__(self, lanes: int = 1, reason: str = "") -> None:
        self.lanes, self.reason = lanes, reason
        self.description = f"plain ({reason})" if reason else "plain"

    def state(self, tensors: Tensors) -> PlainState:
        return PlainState(tensors, self.lanes)

    def programs(
        self,
        functions: Functions,
        tensors: Tensors,
        bind: Callable[[Tensors], None],
    ) -> dict[str, Program]:
        """The functions as programs; `bind` puts other tensors in the place of `tensors`."""
        return {
            name: PlainProgram(function, tensors, bind) for name, (function, _) in functions.items()
        }


class PlainState:
    """One stacked tensor (lanes, *shape) for each name."""

    def __init__(self, tensors: Tensors, lanes: int) -> None:
        self.tensors = {name: torch.stack([x] * lanes) for name, x in tensors.items()}

    def put(self, lane: int, tensors: Tensors) -> None:
        for name, x in tensors.items():
            self.tensors[name][lane].copy_(x)

    def take(self, lane: int, tensors: Tensors) -> None:
        for name, x in tensors.items():
            x.copy_(self.tensors[name][lane])

    def read(self, name: str) -> Array:
        return self.tensors[name].numpy(force=True).copy()

    def write(self, name: str, values: Array) -> None:
        self.tensors[name].copy_(torch.from_numpy(values))


class PlainProgram:
    """A function on the tensors that are bound in its modules while it runs."""

    def __init__(
        self, function: Function, tensors: Tensors, bind: Callable[[Tensors], None]
    ) -> None:
        self.function, self.tensors, self.bind = function, dict(tensors), bind

    def run(
        self,
        state: State,
        sources: Sources,
        rows: NDArray[np.int64],
        numbers: Mapping[str, NDArray[np.float64]],
    ) -> None:
        assert isinstance(state, PlainState)
        inputs = _gathered(sources, torch.from_numpy(rows))
        tables: dict[str, Tensor] = {}  # (steps, lanes) numbers that change from step to step
        for name, values in numbers.items():
            table = torch.from_numpy(values).to(state.tensors[name])
            state.tensors[name].copy_(table[0])
            if len(table) > 1:
                tables[name] = table
        try:
            with torch.no_grad(), watching(_leave_out):
                if len(rows) == 1:
                    lasting = {name: x[0] for name, x in state.tensors.items()}
                    own = {name: table[:, 0] for name, table in tables.items()}
                    self._steps(lasting, [x[0] for x in inputs], own, rows.shape[1])
                else:
                    side_by_side = torch.func.vmap(self._steps, in_dims=(0, 0, 1, None))
                    side_by_side(state.tensors, inputs, tables, rows.shape[1])
        finally:
            self.bind(self.tensors)
        if next(iter(state.tensors.values())).is_cuda:
            torch.cuda.synchronize()  # so that timings include all the work

    def _steps(
        self,
        lasting: Mapping[str, Tensor],
        inputs: Sequence[Tensor],
        numbers: Mapping[str, Tensor],
        steps: int,
    ) -> Tensor:
        """All steps of one network; vmap wants something returned."""
        self.bind(lasting)
        for step in range(steps):
            for name, values in numbers.items():
                lasting[name].copy_(values[step])
            self.function(*[x[step] for x in inputs])
        return next(iter(lasting.values()))


def _leave_out(function: Computation) -> None:
    """What it computes for each step comes in as numbers."""


def _gathered(sources: Sources, rows: Tensor) -> list[Tensor]:
    """Each input's samples (lanes, steps, batch, …); an idle lane gets those of another."""
    given = [own for own in sources if own is not None]
    filled = [own or given[0] for own in sources]
    gathered = []
    for each in zip(*filled, strict=True):
        taken = [
            x.index_select(0, own.reshape(-1).to(x.device)).view(*own.shape, *x.shape[1:])
            for x, own in zip(each, rows, strict=True)
        ]
        gathered.append(torch.stack(taken) if len(taken) > 1 else taken[0].unsqueeze(0))
    return gathered
