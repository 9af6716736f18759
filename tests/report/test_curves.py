"""Curves of a study: what their bands are, what diverged, what fits their axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_cases import curves, resolved, sweep, words_of, write_run

from minidl.report.figures.style import to_png
from minidl.report.members.collect import collect
from minidl.report.members.groups import Statistics
from minidl.report.members.series import series
from minidl.report.study import default_figures, draw
from minidl.spec.report import AnyFigure, CurvesFigure, ErrorBarsFigure, HeatMapFigure


def test_a_band_on_a_logarithmic_axis_ends_at_the_lowest_run_where_it_reaches_zero(
    tmp_path: Path,
) -> None:
    for seed, size in enumerate((1.0, 0.02, 0.01)):
        columns = curves(20, seed=seed)
        columns["test_loss"] = np.exp(-columns["epoch"] / 3) * size
        write_run(tmp_path / str(seed), resolved(seed=seed), columns)
    members = collect([tmp_path]).members
    made = series(members, "test_loss", "std", [])
    assert made is not None
    assert (made.low < 0).all()
    assert made.positive().low == pytest.approx(np.exp(-made.epochs / 3) * 0.01)
    figure = draw(members, CurvesFigure(lines="loss", metrics=("test_loss",)), [])
    assert figure is not None
    (band,) = figure.axes[0].collections
    assert figure.axes[0].get_yscale() == "log"
    assert np.asarray(band.get_paths()[0].vertices)[:, 1].min() == pytest.approx(
        np.exp(-20 / 3) * 0.01
    )
    figure = draw(members, ErrorBarsFigure(metric="test_loss", x="loss"), [])
    assert figure is not None
    (bars,) = figure.axes[0].containers
    assert figure.axes[0].get_yscale() == "log"
    (ends,) = bars[2][0].get_segments()
    assert ends[0][1] == pytest.approx(np.exp(-20 / 3) * 0.01)


def test_losses_whose_squares_overflow_have_statistics_and_curves(tmp_path: Path) -> None:
    for seed in range(2):
        columns = curves(3, seed=seed)
        columns["test_loss"] = np.array([1e178, 2e178, 3e178]) * (1 + seed)
        write_run(tmp_path / str(seed), resolved(seed=seed), columns)
    members = collect([tmp_path]).members
    of = Statistics.of([3e178, 6e178])
    assert (of.mean, of.std) == pytest.approx((4.5e178, 4.5e178 * 2**0.5 / 3))
    made = series(members, "test_loss", "std", [])
    assert made is not None
    assert made.mean[-1] == pytest.approx(4.5e178)
    assert made.high[-1] == pytest.approx(of.mean + of.std)
    for asked in (CurvesFigure(lines="loss"), ErrorBarsFigure(metric="test_loss", x="loss")):
        figure = draw(members, asked, [])
        assert figure is not None
        assert to_png(figure)


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


def test_lines_are_told_apart_by_their_markers_too(tmp_path: Path) -> None:
    sweep(tmp_path / "s", {"training.batch_size": [1, 2, 5, 10, 20, 50, 100, 200]}, repeats=1)
    asked = CurvesFigure(lines="training.batch_size", metrics=("test_loss",))
    figure = draw(collect([tmp_path]).members, asked, [])
    assert figure is not None
    assert len({line.get_marker() for line in figure.axes[0].lines}) == 8
    shown = figure.axes[0].get_legend()
    assert shown is not None
    assert len({handle.get_marker() for handle in shown.legend_handles}) == 8


def test_runs_that_differ_in_more_than_their_seed_are_no_mean_without_a_word(
    tmp_path: Path,
) -> None:
    sweep(tmp_path / "s", {"optimizer.lr": [0.1, 0.01], "training.batch_size": [5, 50]})
    members = collect([tmp_path]).members
    pooled: list[AnyFigure] = [
        CurvesFigure(lines="optimizer.lr"),
        ErrorBarsFigure(x="optimizer.lr"),
        HeatMapFigure(x="optimizer.lr", y="loss"),
    ]
    for asked in pooled:
        figure = draw(members, asked, [])
        assert figure is not None
        assert "of 6 runs  ·  over all values of batch_size" in figure.texts[1].get_text()
    for asked in default_figures(members):
        figure = draw(members, asked, [])
        assert figure is not None
        assert figure.texts[1].get_text() in ("mean ± std of 3 runs", "mean of 3 runs")


def test_what_two_keys_leave_over_is_held_at_the_best_runs_value(tmp_path: Path) -> None:
    rates = {0.1: 0.9, 0.01: 0.99}
    grid: dict[str, list[Any]] = {
        "loss": ["mse", "bce"],
        "training.batch_size": [5, 50],
        "optimizer.lr": [*rates],
    }
    sweep(
        tmp_path / "s",
        {"model.activation": ["relu", "tanh"], **grid},
        repeats=1,
        epochs=3,
        look=lambda settings, seed: {"final_accuracy": rates[settings["optimizer.lr"]]},
    )
    members = collect([tmp_path]).members
    for asked in default_figures(members):
        if isinstance(asked, CurvesFigure):
            assert asked.where.get("optimizer.lr", 0.01) == 0.01
        figure = draw(members, asked, [])
        assert figure is not None
        assert "over all" not in figure.texts[1].get_text()


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
