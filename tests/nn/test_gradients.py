"""The core's promise: backward is the gradient of forward."""

from __future__ import annotations

import pytest
import torch
from cases import (
    DIFFERENCES,
    LAYERS,
    LOSSES,
    LayerCase,
    LossCase,
    central_differences,
    error,
    samples,
    with_parameters,
)

from minidl import nn
from minidl.reference import counterpart, loss_counterpart

# PyTorch sums in another order, which costs a few units in the last place.
TOLERANCES = [(torch.float64, 1e-13), (torch.float32, 2e-6)]


@pytest.mark.parametrize("case", LAYERS, ids=repr)
def test_backward_is_the_gradient_of_forward(case: LayerCase) -> None:
    layer = with_parameters(case.make().to(dtype=torch.float64))
    x = samples(case.sample, count=3)
    weights = torch.randn(layer(x).shape, generator=torch.Generator().manual_seed(1)).double()

    def value() -> float:
        return (layer.forward(x) * weights).sum().item()

    layer.forward(x)
    layer.zero_grad()
    grad = layer.backward(weights.clone())
    assert error(grad, central_differences(value, x)) < DIFFERENCES
    for parameter in layer.parameters():
        analytic = parameter.grad.clone()
        assert error(analytic, central_differences(value, parameter.data)) < DIFFERENCES


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES)
@pytest.mark.parametrize("case", LAYERS, ids=repr)
def test_layers_agree_with_pytorch(case: LayerCase, dtype: torch.dtype, tolerance: float) -> None:
    layer = with_parameters(case.make().to(dtype=dtype))
    reference = counterpart(layer)
    x = samples(case.sample).to(dtype)
    leaf = x.clone().requires_grad_()
    y, expected = layer(x), reference(leaf)
    assert y.dtype == dtype
    grad_output = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    layer.zero_grad()
    grad = layer.backward(grad_output)
    expected.backward(grad_output)
    assert error(y, expected.detach()) < tolerance
    assert error(grad, leaf.grad) < tolerance
    for mine, theirs in zip(layer.parameters(), reference.parameters(), strict=True):
        assert error(mine.grad, theirs.grad) < tolerance


@pytest.mark.parametrize("case", LAYERS, ids=repr)
def test_no_module_writes_into_what_it_is_given(case: LayerCase) -> None:
    layer = case.make().to(dtype=torch.float64)
    x = samples(case.sample)
    before = x.clone()
    grad_output = torch.ones_like(layer.forward(x))
    layer.backward(grad_output)
    assert torch.equal(x, before)
    assert (grad_output == 1).all()


@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES)
@pytest.mark.parametrize("case", LOSSES, ids=repr)
def test_losses_agree_with_pytorch(case: LossCase, dtype: torch.dtype, tolerance: float) -> None:
    generator = torch.Generator().manual_seed(2)
    output, target = case.output(6, generator).to(dtype), case.target(6, generator)
    target = target.to(dtype) if target.is_floating_point() else target
    loss = case.make()
    value = loss(output, target)
    leaf = output.clone().requires_grad_()
    expected = loss_counterpart(loss)(leaf, target)
    expected.backward()
    assert value.shape == ()
    assert value.dtype == dtype
    assert error(value, expected.detach()) < tolerance
    assert error(loss.backward(), leaf.grad) < tolerance


@pytest.mark.parametrize("case", LOSSES, ids=repr)
def test_loss_gradient_is_that_of_its_value(case: LossCase) -> None:
    generator = torch.Generator().manual_seed(2)
    output, target = case.output(4, generator), case.target(4, generator)
    loss = case.make()
    loss.forward(output, target)
    grad = loss.backward()
    differences = central_differences(lambda: loss.forward(output, target).item(), output)
    assert error(grad, differences) < DIFFERENCES


@pytest.mark.parametrize("loss", [nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss()], ids=repr)
def test_huge_logits_give_finite_losses_and_gradients(loss: nn.Loss) -> None:
    output = torch.tensor([[1e4, -1e4], [-1e4, 1e4]])
    target = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    value = loss.forward(output, target)
    assert value.isfinite()
    assert value > 1000
    assert loss.backward().isfinite().all()


def test_equal_logits_share_the_probability() -> None:
    loss = nn.CrossEntropyLoss()
    value = loss(torch.full((2, 4), 3.0), torch.tensor([0, 3]))
    assert value.item() == pytest.approx(1.3862944, rel=1e-6)  # log 4
    assert loss.backward()[1].tolist() == pytest.approx([0.125, 0.125, 0.125, -0.375])


def test_bce_clamps_logarithms_of_zero_at_minus_100() -> None:
    loss = nn.BCELoss()
    value = loss.forward(torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [1.0]]))
    assert value.item() == pytest.approx(50)
    assert loss.backward().isfinite().all()


def test_impossible_options_of_losses_are_refused() -> None:
    with pytest.raises(ValueError, match="must be mean, sum or batchmean, but got 'median'"):
        nn.MSELoss("median")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"label_smoothing must be in \[0, 1\), but got 1"):
        nn.CrossEntropyLoss(label_smoothing=1)


def test_gradients_accumulate_until_zero_grad() -> None:
    layer = nn.Linear(4, 3).to(dtype=torch.float64)
    x = samples((4,))
    for _ in range(2):
        y = layer.forward(x)
        layer.backward(torch.ones_like(y))
    twice = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    assert all((p.grad == 0).all() for p in layer.parameters())
    layer.backward(torch.ones_like(y))
    for parameter, both in zip(layer.parameters(), twice, strict=True):
        assert error(2 * parameter.grad, both) < 1e-15
