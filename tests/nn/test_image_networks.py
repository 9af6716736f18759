"""Whole image networks, with residual blocks and running statistics."""

from __future__ import annotations

import pytest
import torch
from cases import error, samples, step
from torch import Tensor
from torch.nn import functional

from minidl import nn, optim
from minidl.reference import counterpart


def denoiser() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(4, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Residual(nn.Conv2d(4, 4, 3, padding="same"), nn.ReLU(), nn.Conv2d(4, 4, 1)),
        nn.UpsampleConv2d(4, 4, 3), nn.ReLU(), nn.Upsample(2, "bilinear"),
        nn.Conv2d(4, 2, 3, padding="same"), nn.LeakyReLU(0.2), nn.ConvTranspose2d(2, 3, 1),
        nn.Sigmoid(),
    )  # fmt: skip


def reference_step(
    network: torch.nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, target: Tensor
) -> None:
    optimizer.zero_grad()
    functional.mse_loss(network(x), target).backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def test_an_image_network_trains_as_pytorchs() -> None:
    network = denoiser().to(dtype=torch.float64).initialize(seed=5)
    theirs = counterpart(network)
    optimizer, loss = optim.SGD(network, lr=0.3, momentum=0.9), nn.MSELoss()
    reference = torch.optim.SGD(theirs.parameters(), lr=0.3, momentum=0.9)
    x, target = samples((3, 8, 8)), samples((3, 8, 8)).sigmoid()
    for _ in range(10):
        step(network, loss, optimizer, x, target)
        reference_step(theirs, reference, x, target)
    for mine, other in zip(network.parameters(), theirs.parameters(), strict=True):
        assert error(mine.data, other.detach()) < 1e-11  # ten steps, each off by some 1e-13
    statistics = network.named_statistics()
    assert statistics.keys() == {"norm_1.running_mean", "norm_1.running_var"}
    buffers = dict(theirs.named_buffers())
    for name, values in statistics.items():
        assert error(values, buffers[name]) < 1e-11


# Running statistics.


@pytest.mark.parametrize(("kind", "sample"), [(nn.BatchNorm1d, (4,)), (nn.BatchNorm2d, (4, 3, 2))])
def test_running_statistics_are_pytorchs_and_evaluation_uses_them(
    kind: type[nn.BatchNorm1d], sample: tuple[int, ...]
) -> None:
    layer = kind(4, eps=1e-3, momentum=0.3).to(dtype=torch.float64)
    mean, var = torch.zeros(4).double(), torch.ones(4).double()
    for factor in (1.0, 3.0, -2.0):
        x = factor * samples(sample) + factor
        layer.forward(x)
        functional.batch_norm(x, mean, var, training=True, momentum=0.3)
    own = layer.named_statistics()
    assert error(own["running_mean"], mean) < 1e-14
    assert error(own["running_var"], var) < 1e-14
    y = layer.eval()(x)
    grad = layer.backward(torch.ones_like(y))
    leaf = x.clone().requires_grad_()
    expected = functional.batch_norm(leaf, mean, var, eps=1e-3)
    expected.backward(torch.ones_like(expected))  # type: ignore[no-untyped-call]
    assert error(y, expected.detach()) < 1e-13
    assert leaf.grad is not None
    assert error(grad, leaf.grad) < 1e-13
    assert error(own["running_mean"], mean) < 1e-14


def test_statistics_follow_the_dtype_and_start_anew_with_initialize() -> None:
    network = nn.Sequential({"first": nn.Sequential(nn.BatchNorm1d(2))})
    network.forward(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    assert network.named_statistics()["first.norm_1.running_mean"].tolist() == pytest.approx(
        [0.2, 0.4]
    )
    network.to(dtype=torch.float64)
    for name, values in network.named_statistics().items():
        assert name.startswith("first.norm_1.running_")
        assert values.dtype == torch.float64
    network.initialize(seed=0)
    anew = network.named_statistics()
    assert (anew["first.norm_1.running_mean"] == 0).all()
    assert (anew["first.norm_1.running_var"] == 1).all()


def test_statistics_stay_where_they_are_while_training() -> None:
    """A compiled step writes into this very memory."""
    layer = nn.BatchNorm1d(2)
    bound = {name: values.clone() for name, values in layer.named_statistics().items()}
    layer.bind(bound)
    layer.forward(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    assert bound["running_mean"].tolist() == pytest.approx([0.2, 0.4])
    assert all(layer.statistics[name] is values for name, values in bound.items())


def test_statistics_start_anew_also_where_there_is_no_weight() -> None:
    layer = nn.BatchNorm1d(2, affine=False)
    layer.forward(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    layer.initialize()
    assert layer.statistics["running_mean"].tolist() == [0, 0]


def test_a_batch_of_one_cannot_be_normalised_while_training() -> None:
    layer = nn.BatchNorm1d(4)
    x = samples((4,), count=1).float()
    with pytest.raises(ValueError, match="needs more than one value per channel while training"):
        layer.forward(x)
    assert (layer.statistics["running_mean"] == 0).all()
    layer.eval().forward(x)


# Residual blocks.


def test_a_residual_that_changes_the_shape_is_refused() -> None:
    block = nn.Residual(nn.Linear(4, 3))
    with pytest.raises(ValueError, match=r"keep the shape, but they turn 4 into 3"):
        block.output_shape((4,))
    with pytest.raises(ValueError, match=r"keep the shape, but they turn \(2, 4\) into \(2, 3\)"):
        block.forward(torch.ones(2, 4))


def test_a_residual_shows_its_modules() -> None:
    assert repr(nn.Residual(nn.Linear(4, 4))) == "Residual(\n  fc_1: Linear(4, 4)\n)"
