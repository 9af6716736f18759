"""Every optimizer, with every option: equal to PyTorch's, for one network and for a stack."""

from __future__ import annotations

import pytest
import torch
from cases import OPTIMIZERS, STACKS, OptimizerCase, error, network_and_loss, samples

from minidl import nn, optim
from minidl.capture import capture

# 50 steps in float64 amplify rounding of 1e-16 by the curvature of the loss, to 1e-13 at worst;
# a wrong bias correction or a missing option shows from 1e-3 up.
TOLERANCE = 1e-11


@pytest.mark.parametrize("captured", [False, True], ids=["eager", "captured"])
@pytest.mark.parametrize("networks", STACKS)
@pytest.mark.parametrize("case", OPTIMIZERS, ids=repr)
def test_fifty_steps_equal_pytorch(
    case: OptimizerCase, networks: int | None, captured: bool
) -> None:
    network, loss = network_and_loss(networks)
    x, target = samples((3,), networks), samples((2,), networks)
    copies = [[p.network(i).clone().requires_grad_() for p in network.parameters()]
              for i in range(networks or 1)]  # fmt: skip
    optimizer = case.make(network)

    def step(x: torch.Tensor, target: torch.Tensor) -> None:
        loss.forward(network.forward(x), target)
        optimizer.zero_grad()
        network.backward(loss.backward())
        optimizer.step()

    run = capture(step) if captured else step
    for epoch in range(50):
        if epoch == 25:
            optimizer.lr = 0.5 * optimizer.lr
        run(x, target)

    for i, parameters in enumerate(copies):
        reference = case.reference(parameters)
        xi, ti = (x, target) if networks is None else (x[i], target[i])
        for epoch in range(50):
            if epoch == 25:
                reference.param_groups[0]["lr"] *= 0.5
            w, b, w2, b2 = parameters
            output = torch.tanh(xi @ w.T + b) @ w2.T + b2
            reference.zero_grad()
            ((output - ti) ** 2).mean().backward()
            reference.step()
        for mine, theirs in zip(network.parameters(), parameters, strict=True):
            assert error(mine.network(i), theirs.detach()) < TOLERANCE


@pytest.mark.parametrize("case", OPTIMIZERS, ids=repr)
def test_a_stack_takes_one_rate_per_network(case: OptimizerCase) -> None:
    rates = [0.1, 0.01, 0.001]
    stacked = _train(case, 3, rates)
    for i, rate in enumerate(rates):
        alone = _train(case, None, rate, member=i)
        assert error(stacked.member(i), alone.member(0)) < TOLERANCE


def _train(
    case: OptimizerCase, networks: int | None, lr: float | list[float], member: int = 0
) -> nn.Flat:
    network, loss = network_and_loss(networks)
    network.initialize(seed=10 + member)
    optimizer = case.make(network, lr=lr)
    x, target = samples((3,), 3), samples((2,), 3)
    if networks is None:
        x, target = x[member], target[member]
    for _ in range(20):
        loss.forward(network.forward(x), target)
        optimizer.zero_grad()
        network.backward(loss.backward())
        optimizer.step()
    return optimizer.flat


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (optim.SGD, {"lr": -0.1}, "lr must be >= 0 and finite, but got -0.1"),
        (optim.SGD, {"lr": float("nan")}, "lr must be >= 0 and finite, but got nan"),
        (optim.SGD, {"momentum": 1.0}, "momentum must be >= 0 and < 1, but got 1.0"),
        (optim.SGD, {"nesterov": True}, "nesterov needs momentum > 0"),
        (optim.Adam, {"betas": (0.9, 1.0)}, "beta2 must be >= 0 and < 1, but got 1.0"),
        (optim.SGD, {"lr": [0.1, 0.2]}, r"lr has 2 values, for 1 network\(s\)"),
    ],
)
def test_impossible_options_are_refused_with_the_value(
    kind: type[optim.Optimizer], options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(network_and_loss(None)[0], **options)  # type: ignore[arg-type]


def test_a_second_optimizer_can_not_take_the_parameters_away() -> None:
    network, _ = network_and_loss(None)
    optim.SGD(network)
    with pytest.raises(RuntimeError, match="optimizer SGD holds"):
        optim.Adam(network)
    with pytest.raises(RuntimeError, match="optimizer SGD holds"):
        network.stack(3)
    with pytest.raises(RuntimeError, match="optimizer SGD holds"):
        network.to(dtype=torch.float32)


@pytest.mark.parametrize("networks", STACKS)
@pytest.mark.parametrize("kind", ["norm", "value"])
def test_clipping_equals_pytorch_for_each_network(kind: str, networks: int | None) -> None:
    network, loss = network_and_loss(networks)
    flat = network.flatten()
    x, target = samples((3,), networks), 10 * samples((2,), networks)
    loss.forward(network.forward(x), target)
    network.backward(loss.backward())
    if networks:
        network["fc_1"].weight.grad[1] *= 1e-4  # one network that needs no clipping
    before = [[p.grad.clone() if networks is None else p.grad[i].clone()
               for p in network.parameters()] for i in range(networks or 1)]  # fmt: skip
    limit = 0.5
    if kind == "norm":
        optim.clip_norm(flat, limit)
    else:
        optim.clip_value(flat, limit)
    for i, grads in enumerate(before):
        parameters = [torch.zeros_like(g) for g in grads]
        for p, g in zip(parameters, grads, strict=True):
            p.grad = g
        if kind == "norm":
            torch.nn.utils.clip_grad_norm_(parameters, limit)
        else:
            torch.nn.utils.clip_grad_value_(parameters, limit)
        expected = torch.cat([p.grad.view(-1) for p in parameters])
        assert error(flat.member(i, flat.grad), expected) < 1e-14


@pytest.mark.parametrize("networks", STACKS)
def test_a_rate_beyond_float32_makes_the_network_diverge(networks: int | None) -> None:
    network, loss = network_and_loss(networks)
    optimizer = optim.SGD(network.to(dtype=torch.float32), lr=1e200)
    x, target = samples((3,), networks).float(), samples((2,), networks).float()
    loss.forward(network.forward(x), target)
    network.backward(loss.backward())
    optimizer.step()
    assert not optimizer.flat.data.isfinite().all()
