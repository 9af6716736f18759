"""Functions of named tensors, compiled for one network and for many, beside plain PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from minidl import nn, optim
from minidl.engine.base import Array, Tensors
from minidl.engine.choose import _engine
from minidl.engine.compiler import Compiler, compile, find_compiler
from minidl.engine.graph import Graph
from minidl.engine.program import CompiledProgram, CompiledState
from minidl.engine.source import Names, header, step_source
from minidl.engine.target import Target
from minidl.engine.trace import trace
from minidl.host import watching

SINGLE = 0  # the number of lanes that stands for one network's code
WIDTHS = (SINGLE, 4)  # what is compiled where nothing else is said
Function = Callable[[Tensors], Any]


def compiler() -> Compiler:
    """The machine's; the test is skipped where there is none."""
    found = find_compiler()
    if found is None:
        pytest.skip("there is no C compiler")
    return found


def target(lanes: int, dtype: torch.dtype) -> Target:
    """What this machine would be given."""
    compiler()
    return _engine(dtype, lanes).target


def programs(
    graphs: Mapping[str, Graph], dtype: torch.dtype, widths: Sequence[int] = WIDTHS
) -> dict[tuple[str, int], CompiledProgram]:
    """Graphs as programs, for each number of lanes, from one source."""
    assert all(graph.dtype == dtype for graph in graphs.values())
    names, steps = Names(), {}
    for lanes in widths:
        for name, graph in graphs.items():
            steps[name, lanes] = step_source(f"{name}_{lanes}", graph, target(lanes, dtype), names)
    widest = max(target(SINGLE, dtype).width, *widths)
    head = header(Target(0, widest, 16, dtype == torch.float64))
    source = "\n\n".join([head, *names.texts(), *(step.text for step in steps.values()), ""])
    library = compile(source, compiler())
    return {key: CompiledProgram(step, library, max(1, key[1])) for key, step in steps.items()}


def drawn(like: Tensors, seed: int) -> dict[str, Tensor]:
    """Other values for a lane, of the same kind: whole numbers stay so, as do booleans."""
    generator = torch.Generator().manual_seed(seed)
    made = {}
    for name, x in like.items():
        order = torch.randperm(max(1, x.numel()), generator=generator)[: x.numel()]
        made[name] = x.reshape(-1)[order].reshape(x.shape).clone()
    return made


def lane_values(tensors: Tensors, lanes: int) -> list[dict[str, Tensor]]:
    """What each lane holds at first: the tensors themselves, and their values in other orders."""
    first = {name: x.clone() for name, x in tensors.items()}
    return [first, *(drawn(tensors, seed) for seed in range(1, max(1, lanes)))]


def plain(function: Callable[[], Any], tensors: Tensors, values: Tensors) -> dict[str, Tensor]:
    """What the tensors hold after the function ran on these values; they are put back."""
    before = {name: x.clone() for name, x in tensors.items()}
    try:
        for name, x in values.items():
            tensors[name].copy_(x)
        with torch.no_grad(), watching(lambda computation: None):
            function()
        return {name: x.clone() for name, x in tensors.items()}
    finally:
        for name, x in before.items():
            tensors[name].copy_(x)


def check(
    functions: Mapping[str, tuple[Callable[[], Any], Tensors]],
    dtype: torch.dtype,
    widths: Sequence[int] = WIDTHS,
    tolerance: float | None = 0.0,
) -> None:
    """Each function, on tensors that it finds itself, leaves in them what PyTorch does.

    In each lane, by each number of lanes; and all give the same bits. tolerance: of an entry, or of
    the largest one in its tensor where that is larger than 1.
    """
    graphs = {name: trace(one, (), tensors).graph for name, (one, tensors) in functions.items()}
    made = programs(graphs, dtype, widths)
    for name, (function, tensors) in functions.items():
        values = lane_values(tensors, max(widths))
        wanted = [plain(function, tensors, own) for own in values]
        first: list[dict[str, Array]] = []
        for lanes in widths:
            found = run(made[name, lanes], tensors, values)
            for lane, own in enumerate(found):
                for key, array in own.items():
                    expected = wanted[lane][key].numpy()
                    message = f"{name}: {key} in lane {lane} of {lanes}"
                    if tolerance is not None:
                        close(array, expected, tolerance, message)
            for lane, (own, other) in enumerate(zip(found, first, strict=False)):
                for key, array in own.items():
                    assert same_bits(array, other[key]), f"{name}: {key}, {lanes} lanes, {lane}"
            if len(found) > len(first):
                first = found


def run(
    program: CompiledProgram, tensors: Tensors, values: Sequence[Tensors]
) -> list[dict[str, Array]]:
    """What each lane holds after one step without inputs; one network's code takes one by one."""
    results: list[dict[str, Array]] = []
    count = program.lanes
    for start in range(0, len(values), count):
        state = CompiledState(tensors, count)
        given = values[start : start + count]
        for lane, own in enumerate(given):
            state.put(lane, own)
        program.run(state, [()] * count, np.zeros((count, 1, 0), np.int64), {})
        read = {name: state.read(name) for name in tensors}
        results += [{name: x[lane] for name, x in read.items()} for lane in range(len(given))]
    return results


def close(found: Array, expected: Array, tolerance: float, message: str) -> None:
    """Equal within the tolerance; NaN and infinity stand in the same places."""
    if expected.dtype.kind in "ib":
        tolerance = 0.0
    with np.errstate(all="ignore"):
        finite = np.abs(expected[np.isfinite(expected)])
        scale = max(1.0, float(finite.max(initial=0)))
        same = (found == expected) | (np.isnan(found) & np.isnan(expected))
        same |= np.isfinite(expected) & (np.abs(found - expected) <= tolerance * scale)
    assert same.all(), f"{message}: {found[~same][:5]} instead of {expected[~same][:5]}"


def same_bits(a: Array, b: Array) -> bool:
    """Equal to the last bit; one NaN is like another, and the zeros are."""
    return a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


class Training:
    """A step of training one network on its own, with all that lasts under names."""

    def __init__(
        self, network: nn.Module, loss: nn.Loss, optimizer: optim.Optimizer, dtype: torch.dtype
    ) -> None:
        self.network, self.loss, self.optimizer = network, loss, optimizer
        self.loss_sum = torch.zeros((), dtype=dtype)
        flat = optimizer.flat
        self.tensors: dict[str, Tensor] = {
            "parameters": flat.data,
            "gradients": flat.grad,
            "loss_sum": self.loss_sum,
            **{f"optimizer.{name}": x for name, x in optimizer.vectors.items()},
            **{f"numbers.{name}": x for name, x in optimizer.number_tensors.items()},
            **{f"statistics.{name}": x for name, x in network.named_statistics().items()},
            **{f"settings.{name}": x for name, x in network.named_settings().items()},
        }

    def step(self, x: Tensor, target: Tensor) -> Tensor:
        value = self.loss.forward(self.network.forward(x), target)
        self.optimizer.zero_grad()
        self.network.backward(self.loss.backward())
        self.optimizer.step()
        self.loss_sum += value
        return value

    def evaluate(self, x: Tensor, target: Tensor) -> None:
        self.loss_sum += self.loss.forward(self.network.forward(x), target)

    def numbers(self, steps: int, rates: Sequence[float]) -> dict[str, Array]:
        """The optimizer's numbers (steps, lanes), where each lane has a rate of its own."""
        before, columns = self.optimizer.lr, []
        for rate in rates:
            self.optimizer.lr = rate
            own = self.optimizer.numbers(np.arange(1.0, steps + 1))
            columns.append({name: np.broadcast_to(x, steps) for name, x in own.items()})
        self.optimizer.lr = before
        return {
            f"numbers.{name}": np.stack([one[name] for one in columns], 1) for name in columns[0]
        }

    def lane(self, number: int) -> dict[str, Tensor]:
        """Another network of this kind, in the midst of a training.

        What an optimizer remembers isn't zero: its first step may divide rounding by rounding.
        """
        generator = torch.Generator().manual_seed(number)
        made = {}
        for name, x in self.tensors.items():
            noise = torch.rand(x.shape, generator=generator, dtype=torch.float64)
            if name == "parameters":
                made[name] = (x + 0.1 * (noise - 0.5)).to(x.dtype)
            elif name.startswith("optimizer."):
                made[name] = (0.1 + 0.05 * noise).to(x.dtype)
            elif name.startswith("settings.") and x.dtype == torch.int64:
                made[name] = torch.randint(-(2**62), 2**62, (), generator=generator)
            else:
                made[name] = x.clone()
        return made

    def plainly(
        self, values: Tensors, inputs: Sequence[Tensor], rows: Array, numbers: Mapping[str, Array]
    ) -> dict[str, Tensor]:
        """What one network's tensors hold after steps on these rows, with these numbers."""

        def steps() -> None:
            for step, own in enumerate(rows):
                for name, given in numbers.items():
                    self.tensors[name].copy_(torch.tensor(given[step], dtype=torch.float64))
                self.step(*[x[torch.from_numpy(own)] for x in inputs])

        return plain(steps, self.tensors, values)
