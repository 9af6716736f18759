"""Softmax and cross-entropy in float32, plain and compiled, are right to rounding."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import minidl
from minidl import nn
from minidl.engine.compiler import find_compiler

EPSILON = torch.finfo(torch.float32).eps
WAYS = ["plain", pytest.param("compiled", marks=pytest.mark.skipif(
    find_compiler() is None, reason="there is no C compiler"))]  # fmt: skip


class Step:
    """Softmax, cross-entropy and its gradient, of some logits."""

    def __init__(self, way: str) -> None:
        self.softmax, self.loss = nn.Softmax(), nn.CrossEntropyLoss()
        function: Callable[..., tuple[Tensor, ...]] = self.numbers
        self.run = minidl.compile(function) if way == "compiled" else function

    def numbers(self, z: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        value = self.loss.forward(z, target)
        return self.softmax.forward(z), value, self.loss.backward()

    def __call__(self, z: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        self.run(z, target)  # a compiled step's first run is plain
        probabilities, value, grad = self.run(z, target)
        return probabilities.double(), value.double(), grad.double()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("classes", [2, 10, 15, 16, 17, 1000])
@pytest.mark.parametrize("spread", [0.01, 1.0, 10.0])
def test_they_are_those_of_float64(way: str, classes: int, spread: float) -> None:
    generator = torch.Generator().manual_seed(0)
    z = spread * torch.randn(16, classes, generator=generator)
    target = torch.randint(classes, (16,), generator=generator)
    probabilities, value, grad = Step(way)(z, target)
    exact = z.double().requires_grad_()
    right = torch.nn.functional.cross_entropy(exact, target)
    (right_grad,) = torch.autograd.grad(right, exact)
    # Measured: 2.2 units in the last place, for 1,000 classes. Each number rounds a few times, and
    # sums of n terms err by less than n / 8 units, mostly by √n.
    assert (probabilities.sum(1) - 1).abs().max() < 4 * EPSILON
    # x − max rounds as x does, so that eˣ is off by half a unit of x.
    rounded = (2 + z.abs().max().item()) * EPSILON
    expected = z.double().softmax(1)
    assert ((probabilities - expected) / expected).abs().max() < 2 * rounded
    assert value.item() == pytest.approx(right.item(), rel=4 * EPSILON)
    assert (grad - right_grad).abs().max() < 4 * EPSILON * right_grad.abs().max()


# e^−12.8 = 2.76e-6; computed as 100 − log(e¹⁰⁰ + …) it would be 0.
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("logits", [[100.0, 87.2], [0.0, -12.8], [87.2, 100.0], [87.2, 100.0, 0.0]])
def test_the_loss_of_an_answer_that_is_nearly_right_is_exact(way: str, logits: list[float]) -> None:
    z = torch.tensor([logits])
    _, value, _ = Step(way)(z, z.argmax(1))
    exact = torch.nn.functional.cross_entropy(z.double(), z.argmax(1)).item()
    assert value.item() == pytest.approx(exact, rel=1e-6)
    assert 2.7e-6 < exact < 2.8e-6


@pytest.mark.parametrize("way", WAYS)
def test_the_loss_of_a_right_answer_isnt_below_0(way: str) -> None:
    _, value, grad = Step(way)(torch.tensor([[1000.0, 0.0]]), torch.tensor([0]))
    assert str(value.item()) == "0.0"
    assert grad.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("label", [-100, -1, 3, 2**40])
def test_the_loss_of_a_label_out_of_range_is_nan(way: str, label: int) -> None:
    _, value, grad = Step(way)(torch.ones(2, 3), torch.tensor([label, 2]))
    assert value.isnan()
    assert grad.isnan().any(1).tolist() == [True, False]
