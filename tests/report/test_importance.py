"""What a search's metric depends on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trainings import minidl

import minidl as library
from minidl.report.members.importance import LEAST, importance


def drawn(trials: int = 60) -> tuple[list[dict[str, Any]], np.ndarray]:
    """lr matters most, the activation a little, the batch size not at all."""
    rng = np.random.default_rng(0)
    rate = rng.uniform(-4, 0, trials)
    word = rng.choice(["relu", "tanh"], trials)
    size = rng.integers(8, 64, trials)
    settings = [
        {"optimizer.lr": float(10**r), "model.activation": str(w), "training.batch_size": int(s)}
        for r, w, s in zip(rate, word, size, strict=True)
    ]
    return settings, (rate + 2) ** 2 + 0.8 * (word == "relu")


def test_the_key_that_decides_is_the_most_important_and_one_without_effect_has_none() -> None:
    settings, values = drawn()
    found = importance(settings, list(values))
    assert found
    assert found.trials == 60
    assert found.r2 > 0.6
    assert found.keys["optimizer.lr"] > found.keys["model.activation"] > 0.05
    assert abs(found.keys["training.batch_size"]) < 0.05
    again = importance(settings, list(values))
    assert again == found


def test_a_huge_loss_counts_as_the_worst_and_no_more() -> None:
    settings, values = drawn()
    huge = values.copy()
    huge[np.argmax(values)] = 1e30
    assert importance(settings, list(huge)) == importance(settings, list(values))


def test_a_forest_that_finds_nothing_says_so() -> None:
    settings, values = drawn()
    found = importance(settings, list(np.random.default_rng(1).permutation(values)))
    assert found
    assert found.r2 < 0.1


def test_a_key_that_only_some_trials_have_is_one_of_the_keys() -> None:
    settings, values = drawn()
    for one, value in zip(settings, values, strict=True):
        one["optimizer"] = "sgd" if value > 1 else "adam"
        if value > 1:
            one["optimizer.momentum"] = value
    found = importance(settings, list(values))
    assert found
    assert found.keys["optimizer"] > found.keys["training.batch_size"]


@pytest.mark.parametrize("values", [[1.0] * 60, [float("nan")] * 41 + [*map(float, range(19))]])
def test_of_too_few_or_equal_trials_nothing_is_said(values: list[float]) -> None:
    assert LEAST == 20
    assert importance(drawn()[0], values) is None


def test_the_report_on_a_search_draws_it(tmp_path: Path) -> None:
    library.sweep(
        {
            "name": "small",
            "data": {"type": "disk", "train": 20, "test": 12},
            "model": {"type": "mlp", "hidden": [4]},
            "training": {"epochs": 1, "batch_size": 20},
            "sweep": {
                "search": {"type": "random", "trials": 24},
                "space": {"optimizer.lr": {"log_uniform": [1e-3, 1.0]}},
            },
        },
        runs_dir=tmp_path,
    )
    told = minidl("report", tmp_path / "small", "--plots")
    assert told.code == 0, told.err
    picture = tmp_path / "small" / "plots" / "importance.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
