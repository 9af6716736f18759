"""The loss says whether outputs are probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from minidl.probabilities import probabilities


@pytest.mark.parametrize(
    ("loss", "output", "wanted"),
    [
        ("cross_entropy", [0.0, 0.0], [0.5, 0.5]),
        ("cross_entropy", [1e4, -1e4], [1.0, 0.0]),  # without overflow
        ("bce_with_logits", [0.0], [0.5, 0.5]),
        ("bce_with_logits", [-1e4], [1.0, 0.0]),
        ("bce", [0.75], [0.25, 0.75]),
    ],
)
def test_a_probability_for_each_class(loss: str, output: list[float], wanted: list[float]) -> None:
    assert probabilities(np.array([output]), loss) == pytest.approx(np.array([wanted]))


@pytest.mark.parametrize("output", [[0.5], [0.25, 0.75]])
def test_mse_makes_none_even_where_they_could_be(output: list[float]) -> None:
    assert probabilities(np.array([output]), "mse") is None
