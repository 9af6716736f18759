"""Networks, losses and optimizers: compiled beside plain, and each lane as if it were alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from cases import LAYERS, LOSSES, OPTIMIZERS, LossCase, OptimizerCase
from engine.helpers import SINGLE, Training, close, programs, same_bits
from engine.network_cases import BATCH, SAMPLES, STEPS, Inputs, case, several
from torch import Tensor

from minidl import nn
from minidl.engine.base import Array
from minidl.engine.program import CompiledProgram, CompiledState
from minidl.engine.trace import trace

DTYPES = {"float64": torch.float64, "float32": torch.float32}
# Of the largest entry, after one step. In float32 a batch norm over three samples loses digits by
# cancellation, in both; in float64 it would show if the formulas differed.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 5e-5}
SMALL_LOSS, SMALL_OPTIMIZER = LOSSES[0], OPTIMIZERS[0]


class Runs:
    """One step as programs of several widths; each lane has its own data, rows and numbers."""

    def __init__(self, own: Training, inputs: Inputs, made: dict[int, CompiledProgram]) -> None:
        self.own, self.made = own, made
        dtype = own.loss_sum.dtype
        self.count = max(1, *made)
        generator = torch.Generator().manual_seed(8)
        self.values = [own.lane(lane) for lane in range(self.count)]
        self.inputs = [self.shuffled(inputs, lane) for lane in range(self.count)]
        self.rows = torch.randint(SAMPLES, (self.count, STEPS, BATCH), generator=generator).numpy()
        rate = own.optimizer.lr
        self.numbers = own.numbers(STEPS, [rate * (1 + lane / 9) for lane in range(self.count)])
        self.dtype = dtype

    @staticmethod
    def shuffled(inputs: Inputs, lane: int) -> Inputs:
        order = torch.randperm(SAMPLES, generator=torch.Generator().manual_seed(lane))
        x = inputs[0] * (1 + lane / 7) - lane / 20
        return x.contiguous(), inputs[1][order].contiguous()

    def run(self, lanes: int, which: Sequence[int | None], steps: int) -> list[dict[str, Array]]:
        """What these lanes hold after some steps, put into a state of `lanes` in this order."""
        count, found = max(1, lanes), []
        for start in range(0, len(which), count):
            group = list(which[start : start + count])
            group += [None] * (count - len(group))
            state = CompiledState(self.own.tensors, count)
            for place, lane in enumerate(group):
                state.put(place, self.values[lane or 0])
            taken = [lane or 0 for lane in group]
            self.made[lanes].run(
                state,
                [None if lane is None else self.inputs[lane] for lane in group],
                self.rows[taken, :steps],
                {name: x[:steps, taken] for name, x in self.numbers.items()},
            )
            read = {name: state.read(name) for name in self.own.tensors}
            found += [
                {name: x[place] for name, x in read.items() if not name.startswith("numbers.")}
                for place, lane in enumerate(group)
                if lane is not None
            ]
        return found

    def plainly(self, lane: int, steps: int) -> dict[str, Array]:
        numbers = {name: x[:, lane] for name, x in self.numbers.items()}
        rows = self.rows[lane, :steps]
        after = self.own.plainly(self.values[lane], self.inputs[lane], rows, numbers)
        return {name: x.numpy() for name, x in after.items() if not name.startswith("numbers.")}


def check(trainings: dict[str, tuple[Training, Inputs]], widths: Sequence[int]) -> list[Runs]:
    """The first step as PyTorch's, and all steps the same bits by every width."""
    graphs = {}
    for name, (own, inputs) in trainings.items():
        graphs[name] = trace(own.step, [x[:BATCH] for x in inputs], own.tensors).graph
    dtype = next(iter(trainings.values()))[0].loss_sum.dtype
    made = programs(graphs, dtype, widths)
    runs = []
    for name, (own, inputs) in trainings.items():
        all_runs = Runs(own, inputs, {width: made[name, width] for width in widths})
        everybody = list(range(all_runs.count))
        for lane, found in zip(everybody, all_runs.run(widths[0], everybody, 1), strict=True):
            for key, expected in all_runs.plainly(lane, 1).items():
                message = f"{name}: {key} in lane {lane}"
                close(found[key], expected, TOLERANCE[dtype], message)
        first = all_runs.run(widths[0], everybody, STEPS)
        for width in widths[1:]:
            for lane, found in enumerate(all_runs.run(width, everybody, STEPS)):
                different = [key for key in found if not same_bits(found[key], first[lane][key])]
                assert not different, f"{name}: {different} in lane {lane} of {width}"
        runs.append(all_runs)
    return runs


def small(loss: LossCase, optimizer: OptimizerCase, dtype: torch.dtype) -> tuple[Training, Inputs]:
    """4-6-… with tanh, and dropout."""
    layers: list[nn.Module] = [nn.Linear(4, 6), nn.Tanh(), nn.Dropout(0.3)]
    shape = loss.output(2, torch.Generator()).shape[1:]
    layers.append(nn.Linear(6, math.prod(shape)))
    if isinstance(loss.make(), nn.BCELoss):
        layers.append(nn.Sigmoid())
    if len(shape) > 1:
        layers.append(Shaped(tuple(shape)))
    return case(layers, (4,), loss, optimizer, dtype)


class Shaped(nn.Module):
    """y = x, in another shape."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return x.view(len(x), *self.shape)

    def backward(self, grad_output: Tensor) -> Tensor:
        return grad_output.reshape(len(grad_output), -1)


@pytest.mark.parametrize("name", DTYPES)
def test_every_optimizer_compiled_is_the_plain_one(name: str) -> None:
    dtype = DTYPES[name]
    chosen = OPTIMIZERS if name == "float64" else OPTIMIZERS[1::6]
    check(
        {f"optimizer_{n}": small(SMALL_LOSS, one, dtype) for n, one in enumerate(chosen)},
        [SINGLE] if name == "float64" else [SINGLE, 8],
    )


def test_losses_compiled_are_the_plain_ones() -> None:
    losses = {
        f"loss_{n}": small(one, SMALL_OPTIMIZER, torch.float64)
        for n, one in enumerate(LOSSES)
        if n % 3 == 0 or n > 23
    }
    check(losses, [SINGLE])


def test_networks_of_some_layers_compiled_are_the_plain_ones() -> None:
    check(several([8, 15, 28, 35], torch.float64), [4])


@pytest.mark.parametrize("numbers", [[11, 16], [26, 40]], ids=str)
def test_every_number_of_lanes_gives_the_same_bits(numbers: list[int]) -> None:
    check(several(numbers, torch.float32), [SINGLE, 1, 4, 8])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("number", range(0, len(LAYERS), 3))
def test_all_layers_by_all_widths(number: int, name: str) -> None:
    numbers = range(number, min(number + 3, len(LAYERS)))
    check(several(numbers, DTYPES[name]), [SINGLE, 1, 2, 4, 8, 16])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("number", range(0, len(LOSSES), 4))
def test_all_losses_with_all_optimizers_by_all_widths(number: int, name: str) -> None:
    made = {}
    for n, loss in enumerate(LOSSES[number : number + 4]):
        optimizer = OPTIMIZERS[(3 * number + n) % len(OPTIMIZERS)]
        made[f"loss_{n}"] = small(loss, optimizer, DTYPES[name])
    check(made, [SINGLE, 1, 4, 8, 16])


# Neighbours.


@pytest.fixture(scope="module")
def eight() -> Runs:
    """The network of a test above, so that it is compiled already."""
    (_, runs) = check(several([11, 16], torch.float32), [SINGLE, 1, 4, 8])
    return runs


def test_a_lane_does_not_depend_on_its_neighbours(eight: Runs) -> None:
    alone = eight.run(8, list(range(8)), STEPS)
    turned = eight.run(8, [5, 3, 3, 0, 7, 1, 2, 6], STEPS)
    for place, lane in enumerate([5, 3, 3, 0, 7, 1, 2, 6]):
        assert all(same_bits(x, alone[lane][name]) for name, x in turned[place].items())


def test_a_neighbour_that_diverges_leaves_the_others_alone(eight: Runs) -> None:
    alone = eight.run(8, list(range(8)), STEPS)
    before = eight.values[2]
    try:
        eight.values[2] = {
            name: torch.full_like(x, math.nan) if x.is_floating_point() else x
            for name, x in before.items()
        }
        together = eight.run(8, list(range(8)), STEPS)
    finally:
        eight.values[2] = before
    assert np.isnan(together[2]["parameters"]).all()
    for lane in (0, 1, 3, 4, 5, 6, 7):
        assert all(same_bits(x, alone[lane][name]) for name, x in together[lane].items())


def test_idle_lanes_leave_the_others_alone(eight: Runs) -> None:
    alone = eight.run(8, list(range(8)), STEPS)
    found = eight.run(8, [None, 4, None, None, 1, None, None, None], STEPS)
    for lane, own in zip((4, 1), found, strict=True):
        assert all(same_bits(x, alone[lane][name]) for name, x in own.items())
