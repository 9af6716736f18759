"""Every optimizer, with every option: equal to PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from cases import OPTIMIZERS, OptimizerCase, error, network_and_loss, samples, step

from minidl import nn, optim
from minidl.host import watching

# 50 steps in float64 amplify rounding of 1e-16 by the curvature of the loss, to 1e-13 at worst;
# a wrong bias correction or a missing option shows from 1e-3 up.
TOLERANCE = 1e-11


@pytest.mark.parametrize("case", OPTIMIZERS, ids=repr)
def test_fifty_steps_equal_pytorch(case: OptimizerCase) -> None:
    network, loss = network_and_loss()
    x, target = samples((3,)), samples((2,))
    parameters = [p.data.clone().requires_grad_() for p in network.parameters()]
    optimizer, reference = case.make(network), case.reference(parameters)
    w, b, w2, b2 = parameters
    for epoch in range(50):
        if epoch == 25:
            optimizer.lr = 0.5 * optimizer.lr
            reference.param_groups[0]["lr"] *= 0.5
        step(network, loss, optimizer, x, target)
        reference.zero_grad()
        ((torch.tanh(x @ w.T + b) @ w2.T + b2 - target) ** 2).mean().backward()  # type: ignore[no-untyped-call]
        reference.step()
    for mine, theirs in zip(network.parameters(), parameters, strict=True):
        assert error(mine.data, theirs.detach()) < TOLERANCE


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 3e-6)])
@pytest.mark.parametrize("case", OPTIMIZERS, ids=repr)
def test_updates_along_given_gradients_equal_pytorch(
    case: OptimizerCase, dtype: torch.dtype, tolerance: float
) -> None:
    layer = nn.Linear(7, 5).to(dtype=dtype).initialize(seed=0)
    parameters = [p.data.clone() for p in layer.parameters()]
    optimizer, reference = case.make(layer), case.reference(parameters)
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        for mine, theirs in zip(layer.parameters(), parameters, strict=True):
            mine.grad = torch.randn(mine.shape, generator=generator)
            theirs.grad = mine.grad.clone()
        optimizer.step()
        reference.step()
    for mine, theirs in zip(layer.parameters(), parameters, strict=True):
        assert error(mine.data, theirs) < tolerance


@pytest.mark.parametrize("case", OPTIMIZERS, ids=repr)
def test_numbers_take_many_steps_at_once_and_say_which_depend_on_the_step(
    case: OptimizerCase,
) -> None:
    optimizer = case.make(nn.Linear(2, 2))
    t = np.arange(1.0, 30.0)
    at_once = optimizer.numbers(t)
    one_by_one = [optimizer.numbers(float(step)) for step in t]
    assert at_once.keys() == optimizer.number_tensors.keys()
    for name, values in at_once.items():
        expected = [numbers[name] for numbers in one_by_one]
        np.testing.assert_allclose(np.broadcast_to(values, t.shape), expected, rtol=1e-13)
        read = name != "undampened" or optimizer.hyperparameters["momentum"]
        assert (len(set(expected)) > 1 and bool(read)) == (name in optimizer.step_dependent), name


@pytest.mark.parametrize("case", OPTIMIZERS, ids=repr)
def test_all_that_is_remembered_is_there_before_the_first_step(case: OptimizerCase) -> None:
    layer = nn.Linear(2, 2)
    optimizer = case.make(layer)
    vectors, numbers = optimizer.vectors.copy(), optimizer.number_tensors.copy()
    layer.forward(torch.ones(1, 2))
    layer.backward(torch.ones(1, 2))
    optimizer.step()
    assert optimizer.steps == 1
    for before, after in ((vectors, optimizer.vectors), (numbers, optimizer.number_tensors)):
        assert before.keys() == after.keys()
        assert all(before[name] is after[name] for name in before)
    assert all(vector.shape == optimizer.flat.data.shape for vector in vectors.values())
    assert all(number.shape == () for number in numbers.values())


def test_numbers_are_written_into_bound_tensors() -> None:
    optimizer = optim.SGD(nn.Linear(2, 2), lr=0.5)
    numbers = {name: torch.full((), 7.0) for name in optimizer.number_tensors}
    optimizer.bind({}, numbers)
    optimizer.advance()
    assert numbers["lr"].item() == 0.5


def test_a_watched_step_leaves_the_counting_to_the_watcher() -> None:
    optimizer = optim.Adam(nn.Linear(2, 2))
    told: list[Any] = []
    with watching(told.append):
        optimizer.step()
    assert told == [optimizer.advance]
    assert optimizer.steps == 0
    optimizer.step()
    assert optimizer.steps == 1


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (optim.SGD, {"lr": -0.1}, "lr must be >= 0 and finite, but got -0.1"),
        (optim.SGD, {"lr": math.nan}, "lr must be >= 0 and finite, but got nan"),
        (optim.SGD, {"momentum": 1.0}, "momentum must be >= 0 and < 1, but got 1.0"),
        (optim.SGD, {"nesterov": True}, "nesterov needs momentum > 0"),
        (optim.RMSprop, {"alpha": 1}, "alpha must be >= 0 and < 1, but got 1"),
        (optim.Adam, {"betas": (0.9, 1.0)}, "beta2 must be >= 0 and < 1, but got 1.0"),
        (optim.Adagrad, {"eps": math.inf}, "eps must be >= 0 and finite, but got inf"),
    ],
)
def test_impossible_options_are_refused_with_the_value(
    kind: type[optim.Optimizer], options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(network_and_loss()[0], **options)  # type: ignore[arg-type]


def test_an_impossible_rate_is_refused_later_too() -> None:
    optimizer = optim.SGD(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="lr must be >= 0 and finite, but got -1"):
        optimizer.lr = -1


def test_an_l1_penalty_alone_leads_weights_to_0_at_an_even_pace() -> None:
    layer = nn.Linear(1, 2, bias=False)
    layer.weight.data = torch.tensor([[0.5], [-1.0]])
    optimizer = optim.SGD(layer, lr=0.1, l1=2.0)
    optimizer.step()
    assert layer.weight.data.view(-1).tolist() == pytest.approx([0.3, -0.8])


def test_an_optimizer_shows_its_options() -> None:
    assert repr(optim.RMSprop(nn.Linear(1, 1), lr=0.5)) == (
        "RMSprop(lr=0.5, alpha=0.99, eps=1e-08, weight_decay=0.0, momentum=0.0, l1=0.0)"
    )


def test_a_second_optimizer_can_not_take_the_parameters_away() -> None:
    network, _ = network_and_loss()
    optim.SGD(network)
    with pytest.raises(RuntimeError, match="optimizer SGD holds"):
        optim.Adam(network)
    with pytest.raises(RuntimeError, match="optimizer SGD holds"):
        network.to(dtype=torch.float32)


@pytest.mark.parametrize("limit", [0.5, 1e6])
@pytest.mark.parametrize("kind", ["norm", "value"])
def test_clipping_equals_pytorch(kind: str, limit: float) -> None:
    network, loss = network_and_loss()
    flat = network.flatten()
    loss.forward(network.forward(samples((3,))), 10 * samples((2,)))
    network.backward(loss.backward())
    copies = [torch.zeros_like(p.data) for p in network.parameters()]
    for copy, parameter in zip(copies, network.parameters(), strict=True):
        copy.grad = parameter.grad.clone()
    if kind == "norm":
        norm = optim.clip_norm(flat, limit)
        assert error(norm, torch.nn.utils.clip_grad_norm_(copies, limit)) < 1e-14
    else:
        optim.clip_value(flat, limit)
        torch.nn.utils.clip_grad_value_(copies, limit)
    assert error(flat.grad, torch.cat([copy.grad.view(-1) for copy in copies])) < 1e-14  # type: ignore[union-attr]


def test_a_rate_beyond_float32_makes_the_network_diverge() -> None:
    network, loss = network_and_loss()
    optimizer = optim.SGD(network.to(dtype=torch.float32), lr=1e200)
    step(network, loss, optimizer, samples((3,)).float(), samples((2,)).float())
    assert not optimizer.flat.data.isfinite().all()
