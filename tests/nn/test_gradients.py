"""The core's promise: backward is the gradient of forward, for one network and for a stack."""

from __future__ import annotations

import pytest
import torch
from cases import (
    DIFFERENCES,
    LAYERS,
    LOSSES,
    STACKS,
    LayerCase,
    LossCase,
    central_differences,
    error,
    samples,
    with_parameters,
)
from torch import Tensor

from minidl import nn
from minidl.reference import counterpart, loss_counterpart

# PyTorch sums in another order, which costs a few units in the last place.
TOLERANCES = [(torch.float64, 1e-13), (torch.float32, 2e-6)]


@pytest.mark.parametrize("networks", STACKS)
@pytest.mark.parametrize("case", LAYERS, ids=repr)
def test_backward_is_the_gradient_of_forward(case: LayerCase, networks: int | None) -> None:
    layer = with_parameters(case.make().to(dtype=torch.float64).stack(networks))
    x = samples(case.sample, networks, count=3)
    weights = torch.randn(layer(x).shape, generator=torch.Generator().manual_seed(1)).double()

    def value() -> float:
        return (layer.forward(x) * weights).sum().item()

    layer.forward(x)
    layer.zero_grad()
    grad = layer.backward(weights.clone()).clone()
    assert error(grad, central_differences(value, x)) < DIFFERENCES
    for parameter in layer.parameters():
        analytic = parameter.grad.clone()
        assert error(analytic, central_differences(value, parameter.data)) < DIFFERENCES


@pytest.mark.parametrize("networks", STACKS)
@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES)
@pytest.mark.parametrize("case", LAYERS, ids=repr)
def test_layers_agree_with_pytorch(
    case: LayerCase, networks: int | None, dtype: torch.dtype, tolerance: float
) -> None:
    layer = with_parameters(case.make().to(dtype=dtype).stack(networks))
    x = samples(case.sample, networks).to(dtype)
    y = layer(x)
    grad_output = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    layer.zero_grad()
    grad = layer.backward(grad_output.clone())

    for i in range(networks or 1):
        pick = (lambda t: t) if networks is None else (lambda t, i=i: t[i])
        xi = pick(x).clone().requires_grad_()
        reference_layer = counterpart(layer, None if networks is None else i)
        reference = reference_layer(xi)
        reference.backward(pick(grad_output))
        assert error(pick(y), reference.detach()) < tolerance
        assert error(pick(grad), xi.grad) < tolerance
        for mine, theirs in zip(layer.parameters(), reference_layer.parameters(), strict=True):
            assert error(pick(mine.grad), theirs.grad) < tolerance


@pytest.mark.parametrize("networks", STACKS)
@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES)
@pytest.mark.parametrize("case", LOSSES, ids=repr)
def test_losses_agree_with_pytorch(
    case: LossCase, networks: int | None, dtype: torch.dtype, tolerance: float
) -> None:
    generator = torch.Generator().manual_seed(2)
    rows = networks or 1
    outputs = [case.output(6, generator).to(dtype) for _ in range(rows)]
    targets = [_cast(case.target(6, generator), dtype) for _ in range(rows)]
    loss = case.make().stack(networks)
    output, target = (torch.stack(x) if networks else x[0] for x in (outputs, targets))
    values, grads = loss(output, target).view(rows), loss.backward().view(rows, *outputs[0].shape)
    for value, grad, y, t in zip(values, grads, outputs, targets, strict=True):
        leaf = y.clone().requires_grad_()
        reference = loss_counterpart(loss)(leaf, t)
        reference.backward()
        assert error(value, reference.detach()) < tolerance
        assert error(grad, leaf.grad) < tolerance


@pytest.mark.parametrize("case", LOSSES, ids=repr)
def test_loss_gradient_is_that_of_its_value(case: LossCase) -> None:
    generator = torch.Generator().manual_seed(2)
    output, target = case.output(4, generator), case.target(4, generator)
    loss = case.make()
    loss.forward(output, target)
    grad = loss.backward().clone()
    differences = central_differences(lambda: loss.forward(output, target).item(), output)
    assert error(grad, differences) < DIFFERENCES


@pytest.mark.parametrize("networks", STACKS)
@pytest.mark.parametrize("loss", [nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss()], ids=repr)
def test_huge_logits_give_finite_losses_and_gradients(loss: nn.Loss, networks: int | None) -> None:
    output = torch.tensor([[1e4, -1e4], [-1e4, 1e4]])
    target = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    if networks:
        output, target = (
            output.expand(networks, 2, 2).clone(),
            target.expand(networks, 2, 2).clone(),
        )
    value = loss.stack(networks).forward(output, target)
    assert value.isfinite().all()
    assert (value > 1000).all()
    assert loss.backward().isfinite().all()


def test_bce_clamps_logarithms_of_zero_at_minus_100() -> None:
    loss = nn.BCELoss()
    value = loss.forward(torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [1.0]]))
    assert value.item() == pytest.approx(50)
    assert loss.backward().isfinite().all()


@pytest.mark.parametrize("networks", STACKS)
def test_gradients_accumulate_until_zero_grad(networks: int | None) -> None:
    layer = nn.Linear(4, 3).to(dtype=torch.float64).stack(networks)
    x = samples((4,), networks)
    for _ in range(2):
        y = layer.forward(x)
        layer.backward(torch.ones_like(y))
    twice = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    assert all((p.grad == 0).all() for p in layer.parameters())
    layer.backward(torch.ones_like(y))
    for parameter, both in zip(layer.parameters(), twice, strict=True):
        assert error(2 * parameter.grad, both) < 1e-15


def _cast(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x.to(dtype) if x.is_floating_point() else x
