"""Activations where one number can't stand for all: huge, tiny and many inputs."""

from __future__ import annotations

import math

import pytest
import torch

from minidl import nn
from minidl.nn.activations import MANY


@pytest.mark.parametrize("count", [MANY - 1, MANY])  # one call of torch, or the formula
@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e-3, 0.1, 1.0, 30.0, 1e30])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 4e-7), (torch.float64, 1e-15)])
def test_tanh_is_exact_for_inputs_of_every_size(
    dtype: torch.dtype, tolerance: float, scale: float, count: int
) -> None:
    x = torch.randn(count, generator=torch.Generator().manual_seed(0)).to(dtype) * scale
    expected = torch.tanh(x.double())
    # A few units in the last place, relative to each entry: no signal is lost near 0.
    torch.testing.assert_close(nn.Tanh()(x).double(), expected, rtol=tolerance, atol=0)


@pytest.mark.parametrize("count", [1, MANY])
def test_tanh_saturates_and_passes_nan_on(count: int) -> None:
    for given, expected in ((math.inf, 1.0), (-math.inf, -1.0), (math.nan, math.nan)):
        got = nn.Tanh()(torch.full((count,), given))
        assert torch.equal(got.isnan(), torch.full((count,), math.isnan(expected)))
        assert math.isnan(expected) or bool((got == expected).all())
