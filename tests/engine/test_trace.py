"""A step as a graph: what is refused, what lasts, and that all is put back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from cases import network_and_loss
from engine.helpers import Training
from torch import Tensor

from minidl import nn, optim
from minidl.engine.graph import Graph, View
from minidl.engine.trace import trace
from minidl.errors import TraceError
from minidl.host import Computation, each_step

X = torch.arange(6.0).view(2, 3)


class Reading(nn.Module):
    """y = f(x)        by a function that the test gives."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        self.seen = self.function(x)
        return x * 2


READS: dict[str, Callable[[Tensor], Any]] = {
    "item": lambda x: x.sum().item(),
    "tolist": lambda x: x.tolist(),
    "numpy": lambda x: x.numpy(),
    "__bool__": lambda x: 1 if x.sum() > 0 else 2,
    "__float__": lambda x: float(x.sum()),
    "__int__": lambda x: int(x.sum()),
    "__index__": lambda x: [0, 1][x.argmax() * 0],
    "__contains__": lambda x: 1.0 in x,
    "equal": lambda x: torch.equal(x, x),
}
SHAPES: dict[str, Callable[[Tensor], Any]] = {
    "nonzero": lambda x: x.nonzero(),
    "masked_select": lambda x: x.masked_select(x > 1),
    "index": lambda x: x[x > 1],
    "unique": lambda x: torch._unique2(x),
}


@pytest.mark.parametrize("name", READS)
def test_a_value_read_into_python_is_refused_with_module_and_call(name: str) -> None:
    network = nn.Sequential(nn.ReLU(), Reading(READS[name]))
    with pytest.raises(TraceError, match=rf"{name}\b.*\b(Reading|<lambda>).*reads a value"):
        trace(network.forward, [X])


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_that_depends_on_data_is_refused_with_module_and_call(name: str) -> None:
    network = nn.Sequential(Reading(SHAPES[name]), nn.ReLU())
    with pytest.raises(TraceError, match=r"(Reading|<lambda>).*(a shape|reads a value)"):
        trace(network.forward, [X])


def test_the_refusal_names_the_module_inside_a_network() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.Residual(Reading(_half_of_it)))
    with pytest.raises(TraceError, match=r"item in Reading\.forward reads a value into Python"):
        trace(network.forward, [X])


def _half_of_it(x: Tensor) -> float:
    return x.sum().item() / 2


def test_memory_that_two_names_share_is_refused() -> None:
    a = torch.zeros(6)
    for other in (a, a.view(2, 3), a[:3]):
        with pytest.raises(TraceError, match=r"shares its memory"):
            trace(lambda: a.add_(1), (), {"a": a, "b": other})


def test_a_part_of_some_memory_is_refused_as_state() -> None:
    a = torch.zeros(6)
    with pytest.raises(TraceError, match=r"shares its memory"):
        trace(lambda: a.add_(1), (), {"a": a[2:]})


def test_memory_that_is_not_the_steps_own_may_not_be_written() -> None:
    a, b = torch.zeros(3), torch.ones(3)
    with pytest.raises(TraceError, match=r"add_ in .* changes memory that isn't the step's own"):
        trace(lambda: b.add_(a), (), {"a": a})
    assert b.tolist() == [1, 1, 1]


def test_an_input_may_not_be_written() -> None:
    x = torch.ones(3)
    with pytest.raises(TraceError, match=r"mul_ in .* changes memory"):
        trace(lambda x: x.mul_(2), [x])
    assert x.tolist() == [1, 1, 1]


def test_reading_memory_as_another_type_is_refused() -> None:
    x = torch.ones(4)
    with pytest.raises(TraceError, match=r"reads memory of torch\.float32 as torch\.int32"):
        trace(lambda: x + x.view(torch.int32), ())


# The graph.


def graph(function: Callable[..., Any], *inputs: Tensor, **tensors: Tensor) -> Graph:
    return trace(function, inputs, tensors or None).graph


def names(made: Graph) -> list[str]:
    return [call.name for call in made.calls]


def test_views_are_no_calls_but_places_in_memory() -> None:
    a = torch.arange(24.0)

    def function() -> Tensor:
        return a.view(4, 6)[1:, ::2].T.unsqueeze(0).expand(2, 3, 3) * 2

    made = graph(function)
    assert names(made) == ["mul"]
    (read,) = [one for one in made.calls[0].args if isinstance(one, View)]
    assert (read.offset, read.shape, read.strides) == (6, (2, 3, 3), (0, 2, 6))


def test_a_write_in_place_writes_into_the_memory_that_is_viewed() -> None:
    a = torch.zeros(4, 6)
    made = graph(lambda: a.T[2:, 1].add_(1), a=a)
    (call,) = made.calls
    assert call.name == "add"
    assert call.out.buffer.name == "a"
    assert (call.out.offset, call.out.shape, call.out.strides) == (8, (4,), (1,))
    assert call.args[0] == call.out


def test_what_lasts_and_is_only_read_is_a_constant() -> None:
    a, b, c = torch.zeros(3), torch.ones(3), torch.ones(3)
    made = graph(lambda x: a.add_(b * x + c), torch.ones(3), a=a, c=c)
    roles = {buffer.role: buffer for buffer in made.buffers}
    assert [one.name for one in made.named("state")] == ["a", "c"]
    assert roles["constant"].tensor is not None
    assert roles["constant"].tensor.data_ptr() == b.data_ptr()
    assert len(made.inputs) == 1


def test_without_names_state_is_what_the_step_writes() -> None:
    a, b = torch.zeros(3), torch.ones(3)
    made = graph(lambda: a.copy_(b))
    (state,), (constant,) = made.named("state"), made.named("constant")
    assert state.tensor is not None
    assert state.tensor.data_ptr() == a.data_ptr()
    assert constant.tensor is not None
    assert constant.tensor.data_ptr() == b.data_ptr()


def test_results_are_what_the_step_returns_in_whatever_form() -> None:
    def function(x: Tensor) -> dict[str, Any]:
        return {"sum": x.sum(), "both": (x * 2, [x[0]]), "nothing": None}

    traced = trace(function, [X])
    assert [view.shape for view in traced.graph.results] == [(), (2, 3), (3,)]
    roles = [view.buffer.role for view in traced.graph.results]
    assert roles == ["result", "result", "input"]


def test_each_call_knows_its_module_and_formula() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    calls = trace(network.forward, [X]).graph.calls
    assert {call.where for call in calls} == {"Linear.forward", "Tanh.forward"}
    assert any("x Wᵀ + b" in call.formula for call in calls)
    training = Training(network, nn.MSELoss(), optim.SGD(network, lr=0.1), torch.float32)
    calls = trace(training.step, [X, torch.zeros(2, 2)], training.tensors).graph.calls
    assert {"Linear.backward", "MSELoss.forward", "SGD.change"} <= {call.where for call in calls}


def test_the_modules_and_their_modes_are_kept() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5))
    network[1].eval()
    modes = {type(owner).__name__: mode for owner, mode in trace(network.forward, [X]).modes}
    assert modes == {"Sequential": True, "Linear": True, "Dropout": False}


# Put back.


def training() -> Training:
    network, loss = network_and_loss()
    return Training(network, loss, optim.Adam(network, lr=0.1), torch.float64)


def test_everything_is_as_it_was_after_a_trace() -> None:
    own = training()
    own.tensors["optimizer.m"].fill_(0.5)
    before = {name: x.clone() for name, x in own.tensors.items()}
    pointers = {name: x.data_ptr() for name, x in own.tensors.items()}
    x, target = torch.ones(4, 3, dtype=torch.float64), torch.ones(4, 2, dtype=torch.float64)
    for tensors in (own.tensors, None):
        trace(own.step, [x, target], tensors)
        assert all(torch.equal(now, before[name]) for name, now in own.tensors.items())
        assert {name: x.data_ptr() for name, x in own.tensors.items()} == pointers
    assert torch.equal(x, torch.ones(4, 3, dtype=torch.float64))
    assert own.optimizer.steps == 0


def test_everything_is_as_it_was_after_a_refusal() -> None:
    a = torch.zeros(6)

    def function() -> None:
        a[2:4].add_(1)
        a.mul_(3)
        a.sum().item()

    with pytest.raises(TraceError):
        trace(function, ())
    assert a.tolist() == [0] * 6

    def fails() -> None:
        a.view(2, 3)[1].fill_(2)
        raise ValueError("mine")

    with pytest.raises(ValueError, match=r"mine"):
        trace(fails, ())
    assert a.tolist() == [0] * 6


# What a step computes in Python.


def test_what_is_computed_in_python_is_collected_and_left_out() -> None:
    rate, theta, ran = torch.zeros(()), torch.ones(3), []

    def advance() -> None:
        ran.append(1)
        rate.fill_(0.5)

    def step() -> None:
        each_step(advance)
        theta.sub_(rate)

    traced = trace(step, (), {"theta": theta, "rate": rate})
    assert ran == []
    assert names(traced.graph) == ["sub"]
    computation: Computation
    (computation,) = traced.computations
    computation()
    assert rate.item() == 0.5


def test_outside_a_trace_it_runs_at_once() -> None:
    ran: list[int] = []
    each_step(lambda: ran.append(1))
    trace(lambda: each_step(lambda: ran.append(2)), ())
    each_step(lambda: ran.append(3))
    assert ran == [1, 3]
