"""Activations as they are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minidl.build.function import function_of
from minidl.spec.activation import (
    GeluActivation,
    LeakyReluActivation,
    ReluActivation,
    SiluActivation,
)


@pytest.mark.parametrize(
    "activation",
    [ReluActivation(), LeakyReluActivation(negative_slope=0.2), GeluActivation(), SiluActivation()],
    ids=lambda activation: activation.type,
)
def test_the_derivative_is_that_of_thefunction_of(activation: Any) -> None:
    x = np.linspace(-3, 3, 61) + 0.013  # not at a kink
    value, slope = function_of(activation, x)
    step = 1e-6
    numeric = (function_of(activation, x + step)[0] - function_of(activation, x - step)[0]) / (
        2 * step
    )
    np.testing.assert_allclose(slope, numeric, atol=1e-8)  # rounding: 1e-16 / step
    assert value.shape == x.shape
