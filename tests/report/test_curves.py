"""Curves of a study: what their bands are, what diverged, what fits their axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_cases import curves, resolved, sweep, words_of, write_run

from minidl.report.collect import collect
from minidl.report.series import series
from minidl.report.study import draw
from minidl.spec import CurvesFigure


def test_a_band_is_the_mean_plus_and_minus_the_sample_s_std(tmp_path: Path) -> None:
    for seed, length in enumerate((4, 4, 2)):
        columns = curves(length, seed=seed)
        columns["test_loss"] = np.array([1.0, 2, 3, 4])[:length] + seed
        write_run(tmp_path / str(seed), resolved(seed=seed), columns)
    made = series(collect([tmp_path]).members, "test_loss", "std", [])
    assert made is not None
    # The third run stopped early: from there on the mean is that of the other two.
    assert made.epochs.tolist() == [1, 2, 3, 4]
    assert made.mean.tolist() == [2, 3, 3.5, 4.5]
    np.testing.assert_allclose(made.high - made.mean, [1, 1, 0.5**0.5, 0.5**0.5])
    wide = series(collect([tmp_path]).members, "test_loss", "range", [])
    assert wide is not None
    assert (wide.low[0], wide.high[0]) == (1, 3)


def test_diverged_runs_are_named_and_bend_no_axis(tmp_path: Path) -> None:
    def look(settings: dict[str, Any], seed: int) -> dict[str, Any]:
        rate = settings["optimizer.lr"]
        if rate == 10.0 or (rate == 1.0 and seed):
            return {"status": "diverged", "final_loss": 1e30}
        return {}

    sweep(tmp_path / "s", {"optimizer.lr": [0.1, 1.0, 10.0]}, look=look)
    figure = draw(collect([tmp_path]).members, CurvesFigure(lines="optimizer.lr"), [])
    assert figure is not None
    said = words_of(figure)
    assert "1 (2 diverged)" in said
    assert "10: diverged" in said
    assert all(axes.get_ylim()[1] < 1 for axes in figure.axes)


def test_runs_that_diverged_at_once_stay_in_the_legend(tmp_path: Path) -> None:
    sweep(
        tmp_path / "s",
        {"optimizer.lr": [0.1, 9.0]},
        epochs=1,
        look=lambda s, seed: {"status": "diverged"} if s["optimizer.lr"] == 9 else {},
    )
    figure = draw(
        collect([tmp_path]).members, CurvesFigure(lines="optimizer.lr", metrics=("test_loss",)), []
    )
    assert figure is not None
    assert "9: diverged" in words_of(figure)


@pytest.mark.parametrize("height", [0.85, 1e9])
def test_a_line_that_towers_over_the_others_does_not_press_them_flat(
    height: float, tmp_path: Path
) -> None:
    """On a linear axis the others would fill a tenth of it; 1e9 runs off the top."""
    for index, rate in enumerate((0.1, 0.2, 0.3)):
        columns = curves(20)
        columns["test_loss"] = np.linspace(0.04, 0.03, 20) * (index + 1)
        if rate == 0.3:
            columns["test_loss"] = np.linspace(height, 0.2, 20)
        write_run(tmp_path / str(rate), resolved(**{"optimizer.lr": rate}), columns)
    members = collect([tmp_path]).members
    asked = CurvesFigure(lines="optimizer.lr", metrics=("test_loss",))
    figure = draw(members, asked, [])
    assert figure is not None
    (axes,) = (each for each in figure.axes if each.lines)
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[1] == pytest.approx(min(height * 1.25, 100 * 0.08))
    linear = draw(members, asked.model_copy(update={"scale": "linear"}), [])
    assert linear is not None
    assert {each.get_yscale() for each in linear.axes} == {"linear"}
