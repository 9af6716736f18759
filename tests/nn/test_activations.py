"""Activations where one number can't stand for all: huge, tiny, infinite inputs."""

from __future__ import annotations

import math

import pytest
import torch

from minidl import nn

# Each, and what it saturates at below.
ACTIVATIONS: list[tuple[nn.Activation, float]] = [
    *((kind(), 0.0) for kind in (nn.ReLU, nn.Sigmoid, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus)),
    (nn.GELU("tanh"), 0.0),
    (nn.LeakyReLU(0.2), -2e3),
    (nn.Tanh(), -1.0),
    (nn.ELU(0.5), -0.5),
]


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e-3, 0.1, 1.0, 30.0, 1e30])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 4e-7), (torch.float64, 1e-15)])
def test_tanh_is_exact_for_inputs_of_every_size(
    dtype: torch.dtype, tolerance: float, scale: float
) -> None:
    x = torch.randn(4096, generator=torch.Generator().manual_seed(0)).to(dtype) * scale
    expected = torch.tanh(x.double())
    # A few units in the last place, relative to each entry: no signal is lost near 0.
    torch.testing.assert_close(nn.Tanh()(x).double(), expected, rtol=tolerance, atol=0)


@pytest.mark.parametrize(("activation", "least"), ACTIVATIONS, ids=repr)
def test_large_inputs_saturate_and_nan_is_passed_on(
    activation: nn.Activation, least: float
) -> None:
    low, high, nan = activation(torch.tensor([-1e4, 1e4, math.nan])).tolist()
    slope = 0.2 if isinstance(activation, nn.LeakyReLU) else 0.0
    bounded = isinstance(activation, nn.Sigmoid | nn.Tanh)
    assert low == pytest.approx(least)
    assert high == (1.0 if bounded else 1e4)
    assert math.isnan(nan)
    grad = activation.backward(torch.ones(3))[:2].tolist()
    assert grad == pytest.approx([slope, 0.0 if bounded else 1.0])


def test_softmax_is_finite_for_inputs_of_any_size() -> None:
    layer = nn.Softmax()
    y = layer(torch.tensor([[1e30, 0.0, -1e30], [-1e30, -1e30, -1e30]]))
    assert y[0].tolist() == [1.0, 0.0, 0.0]
    assert y[1].tolist() == pytest.approx([1 / 3] * 3)
    assert layer.backward(torch.ones(2, 3)).abs().max() < 1e-6


def test_a_negative_slope_below_0_is_refused() -> None:
    with pytest.raises(ValueError, match="negative_slope must be >= 0, but got -1"):
        nn.LeakyReLU(-1)
