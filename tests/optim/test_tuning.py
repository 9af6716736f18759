"""Parameters that are frozen, or have rates of their own: as PyTorch's groups of parameters."""

from __future__ import annotations

import pytest
import torch
from cases import OPTIMIZERS, OptimizerCase, error, network_and_loss, samples, step

from minidl import nn, optim
from minidl.reference import optimizer_counterpart

# As in test_optimizers.py.
TOLERANCE = 1e-11


@pytest.mark.parametrize("frozen", [0, 1, 3])
@pytest.mark.parametrize("case", OPTIMIZERS, ids=repr)
def test_thirty_steps_equal_pytorchs_groups(case: OptimizerCase, frozen: int) -> None:
    network, loss = network_and_loss()
    x, target = samples((3,)), samples((2,))
    theirs = [p.data.clone() for p in network.parameters()]
    network.parameters()[frozen].frozen = True
    network.parameters()[2].lr_factor = 0.1
    start = theirs[frozen].clone()
    optimizer = case.make(network)
    reference = optimizer_counterpart(optimizer, theirs)
    w, b, w2, b2 = theirs
    for _ in range(30):
        step(network, loss, optimizer, x, target)
        reference.zero_grad()
        error_of = (torch.tanh(x @ w.T + b) @ w2.T + b2 - target) ** 2
        error_of.mean().backward()  # type: ignore[no-untyped-call]
        reference.step()
    assert torch.equal(network.parameters()[frozen].data, start)
    for ours, other in zip(network.parameters(), theirs, strict=True):
        assert error(ours.data, other.detach()) < TOLERANCE


@pytest.mark.parametrize("factor", [None, 0.1])
@pytest.mark.parametrize("case", OPTIMIZERS, ids=repr)
def test_penalties_leave_out_what_pytorch_has_in_a_group_without_them(
    case: OptimizerCase, factor: float | None
) -> None:
    network, _ = network_and_loss()
    for parameter in network.parameters():
        parameter.penalized = len(parameter.shape) > 1
    network.parameters()[3].lr_factor = factor
    theirs = [p.data.clone() for p in network.parameters()]
    optimizer = case.make(network)
    reference = optimizer_counterpart(optimizer, theirs)
    for _ in range(5):
        for ours, other in zip(network.parameters(), theirs, strict=True):
            ours.grad = torch.full_like(ours.data, 0.3)
            other.grad = ours.grad.clone()
        optimizer.step()
        reference.step()
    for ours, other in zip(network.parameters(), theirs, strict=True):
        assert error(ours.data, other.detach()) < TOLERANCE


def test_a_rate_that_is_changed_later_keeps_its_factor() -> None:
    layer = nn.Linear(1, 1).initialize("zeros")
    layer.bias.lr_factor = 0.5  # type: ignore[union-attr]
    optimizer = optim.SGD(layer, lr=1.0)
    optimizer.lr = 0.25
    optimizer.flat.grad.fill_(1.0)
    optimizer.step()
    assert optimizer.flat.data.tolist() == [-0.25, -0.125]


@pytest.mark.parametrize("kind", ["norm", "value"])
def test_what_is_frozen_is_not_clipped_with_the_rest(kind: str) -> None:
    network, _ = network_and_loss()
    first, *others = network.parameters()
    first.frozen = True
    flat = network.flatten()
    flat.grad.fill_(9.0)
    copies = [torch.zeros_like(p.data) for p in others]
    for copy in copies:
        copy.grad = torch.full_like(copy, 9.0)
    if kind == "norm":
        norm = optim.clip_norm(flat, 0.5)
        assert error(norm, torch.nn.utils.clip_grad_norm_(copies, 0.5)) < 1e-14
    else:
        optim.clip_value(flat, 0.5)
        torch.nn.utils.clip_grad_value_(copies, 0.5)
    assert (first.grad == 9.0).all()
    for ours, other in zip(others, copies, strict=True):
        assert error(ours.grad, other.grad) < 1e-14


def test_something_must_be_trained() -> None:
    layer = nn.Linear(1, 1, bias=False)
    layer.weight.frozen = True
    with pytest.raises(ValueError, match="all parameters are frozen: there is nothing to train"):
        optim.SGD(layer)
