"""Each run gets the figures that suit it, however odd its records are."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from run_cases import CASES, TWO, disk, disk_output, in_disk, plane, spirals, write

from minidl.errors import RunError
from minidl.report.figures.curves import accuracy, loss, psnr, r2
from minidl.report.figures.dynamics import dynamics
from minidl.report.figures.image_grid import image_grid
from minidl.report.figures.plane import data, decision_boundary, output
from minidl.report.figures.plots import draw_run
from minidl.report.figures.regions import fine_classes, finer
from minidl.report.figures.style import class_colour, to_png
from minidl.report.members.decision import counts
from minidl.report.members.run_view import RunView
from minidl.store.run_folder import RunFolder

CURVES = {"loss", "accuracy"}
PLANE = {"data", "decision_boundary", "output", "confusion_matrix"}
FIGURES = {
    "disk": CURVES | PLANE,
    "spirals": CURVES | PLANE,
    "ten_classes_in_the_plane": CURVES | PLANE,
    "inputs_of_unlike_units": CURVES | PLANE,
    "one_epoch": CURVES | PLANE,
    "tiny_loss_range": CURVES | PLANE,
    "digits": CURVES | {"confusion_matrix"},
    "two_classes_of_many_features": CURVES | {"confusion_matrix"},
    "twenty_classes": CURVES | {"confusion_matrix"},
    "hostile_words": CURVES | {"confusion_matrix"},
    "warmup_then_steps": CURVES | {"confusion_matrix"},
    "diverged": CURVES,
    "noisy_sine": {"loss", "r2", "fit"},
    "three_targets": {"loss", "r2", "fit"},
    "diabetes": {"loss", "r2", "predicted_vs_true"},
    "surface": {"loss", "r2", "data", "output", "predicted_vs_true"},
    "denoiser": {"loss", "psnr", "images"},
    "one_gray_image": {"loss", "psnr", "images"},
    "enlarged_images": {"loss", "psnr", "images"},
    "diverged_denoiser": {"loss", "psnr"},
    "watched": CURVES | PLANE | {"dynamics"},
    "watched_of_thirty_layers": CURVES | PLANE | {"dynamics"},
    "watched_and_diverged": {"accuracy", "loss", "dynamics"},
}


def texts(figure: object) -> list[str]:
    """All that is written in a figure."""
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]  # type: ignore[attr-defined]


def xdata(line: Line2D) -> NDArray[Any]:
    return np.asarray(line.get_xdata())


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_run_gets_its_figures(name: str, tmp_path: Path) -> None:
    run = CASES[name](tmp_path)
    paths = draw_run(run)
    assert {path.stem for path in paths} == FIGURES[name]
    for path in paths:
        png = path.read_bytes()
        width, height = struct.unpack(">II", png[16:24])
        assert 600 <= width <= 2000
        assert 300 <= height <= 2000
        assert path == run.plot_path(path.stem)


def test_the_same_run_gives_the_same_pictures_to_the_byte(tmp_path: Path) -> None:
    first, second = (draw_run(CASES["one_epoch"](tmp_path / part)) for part in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_figures_bear_the_folder_s_name_not_the_config_s(tmp_path: Path) -> None:
    name = "wider_than_" * 17
    run = disk(tmp_path)
    figure = loss(RunView.read(RunFolder(run.path.rename(tmp_path / name))))
    assert figure is not None
    assert name in figure.texts[1].get_text().replace("\n", "")


def test_without_predictions_only_the_curves_are_drawn_and_damage_is_an_error(
    tmp_path: Path,
) -> None:
    run = disk(tmp_path)
    run.predictions_path.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(RunError, match=r"predictions\.npz: is damaged"):
        draw_run(run)
    run.predictions_path.unlink()
    assert {path.stem for path in draw_run(run)} == CURVES
    run.metrics_path.unlink()
    assert draw_run(run) == []


# Curves


def test_few_changes_of_the_rate_are_marked_with_the_new_rates(tmp_path: Path) -> None:
    figure = loss(RunView.read(disk(tmp_path)))
    assert figure is not None
    assert len(figure.axes) == 1
    assert {"rate 0.1", "0.03", "0.01"} <= set(texts(figure))
    marks = [x[0] for x in map(xdata, figure.axes[0].lines) if len(x) == 2]
    assert marks == [100, 175]  # the epochs after which the new rates hold


def test_a_rate_that_always_changes_gets_a_strip_instead_of_a_forest_of_lines(
    tmp_path: Path,
) -> None:
    figure = loss(RunView.read(spirals(tmp_path)))
    assert figure is not None
    curve, strip = figure.axes
    assert len(curve.lines) == 2
    assert strip.get_ylabel() == "rate"
    assert np.asarray(strip.lines[0].get_ydata())[0] == pytest.approx(0.1)


def view(**metrics: list[float]) -> RunView:
    count = len(next(iter(metrics.values())))
    return RunView(
        name="run",
        metrics={
            "epoch": np.arange(1.0, count + 1),
            **{k: np.array(v, float) for k, v in metrics.items()},
        },
    )


@pytest.mark.parametrize(
    ("losses", "scale"), [([0.3, 0.02], "linear"), ([2.3, 0.02], "log"), ([1.0, 0.0], "linear")]
)
def test_a_loss_that_spans_decades_is_logarithmic(losses: list[float], scale: str) -> None:
    figure = loss(view(train_loss=losses, test_loss=losses))
    assert figure is not None
    assert figure.axes[0].get_yscale() == scale


def test_a_diverged_run_is_drawn_up_to_its_last_number_and_says_so(tmp_path: Path) -> None:
    figure = loss(RunView.read(CASES["diverged"](tmp_path)))
    assert figure is not None
    assert any("diverged in epoch 9" in text for text in texts(figure))
    assert xdata(figure.axes[0].lines[0])[-1] == 8


def test_what_a_diverged_network_gets_right_is_no_best() -> None:
    figure = accuracy(replace(view(train_accuracy=[0.5], test_accuracy=[0.5]), status="diverged"))
    assert figure is not None
    assert any("diverged in epoch 1" in text for text in texts(figure))
    assert not any("best" in text for text in texts(figure))


def test_a_curve_without_a_single_number_is_not_drawn() -> None:
    nothing = view(train_loss=[np.nan], test_loss=[np.inf])
    assert loss(nothing) is None
    assert accuracy(nothing) is None
    assert r2(nothing) is None


def test_the_legend_gives_the_last_values_and_the_line_below_the_best() -> None:
    figure = accuracy(view(train_accuracy=[0.5, 1.0], test_accuracy=[0.9996, 0.75]))
    assert figure is not None
    assert {"train  100 %", "test  75.0 %"} <= set(texts(figure))
    assert any("best on test >99.9 % (epoch 1)" in text for text in texts(figure))


def test_the_epoch_that_was_kept_is_marked_and_its_values_are_said(tmp_path: Path) -> None:
    """They are what the terminal says of the run."""
    kept = view(train_loss=[0.4, 0.2, 0.1], test_loss=[0.4, 0.3, 0.5])
    figure = loss(replace(kept, kept=2.0))
    assert figure is not None
    assert {"train  0.2", "test  0.3", "kept (epoch 2)"} <= set(texts(figure))
    rings = [line for line in figure.axes[0].lines if list(xdata(line)) == [2.0]]
    assert [np.asarray(line.get_ydata())[0] for line in rings] == [0.2, 0.3]
    plain = loss(replace(kept, kept=3.0))
    assert plain is not None
    assert not any("kept" in text for text in texts(plain))
    run = disk(tmp_path)
    best = {"metric": "test_loss", "epoch": 7}
    run.write_record(replace(run.read_record(), weights="best", best=best))
    assert RunView.read(run).kept == 7


# Images


def test_images_stand_above_each_other_with_their_psnr(tmp_path: Path) -> None:
    run = RunView.read(CASES["denoiser"](tmp_path))
    figure = image_grid(run)
    assert figure is not None
    assert len(figure.axes) == 24
    assert [axes.get_ylabel() for axes in figure.axes[::8]] == ["noisy", "network", "clean"]
    for row, key in enumerate(("test_input_psnr", "test_psnr")):
        titles = [axes.get_title() for axes in figure.axes[8 * row : 8 * row + 8]]
        assert titles == [f"{value:.1f} dB" for value in run.predictions[key]]
    shown = figure.axes[16].images[0].get_array()
    wanted = run.predictions["test_image_target"][0].transpose(1, 2, 0)
    np.testing.assert_allclose(np.asarray(shown), wanted, atol=1e-6)
    means = [run.predictions[key].mean() for key in ("test_input_psnr", "test_psnr")]
    assert any(f"PSNR on test {means[0]:.2f} → {means[1]:.2f} dB" in text for text in texts(figure))


def test_the_curve_of_psnr_is_in_decibels(tmp_path: Path) -> None:
    run = RunView.read(CASES["denoiser"](tmp_path))
    figure = psnr(run)
    assert figure is not None
    assert figure.axes[0].get_ylabel() == "dB"
    best = np.argmax(run.metrics["test_psnr"])
    said = f"best on test {run.metrics['test_psnr'][best]:.2f} dB (epoch {best + 1})"
    assert any(said in text for text in texts(figure))


# Classes


@pytest.mark.parametrize("classes", [3, 56])
def test_many_classes_have_a_legend_and_panels_that_name_them(classes: int, tmp_path: Path) -> None:
    def logits(x: np.ndarray) -> np.ndarray:
        centres = np.random.default_rng(1).uniform(0, 1, (classes, 2))
        return np.asarray(-40 * ((x[..., None, :] - centres) ** 2).sum(-1))

    arrays = plane(logits, lambda x: logits(x).argmax(-1), cells=21, points=200)
    names = [f"kind {index}" for index in range(classes)]
    run = RunView.read(write(tmp_path, "many", [], arrays, "cross_entropy", class_names=names))
    points = data(run)
    assert points is not None
    assert to_png(points)  # with no warning of matplotlib's
    assert set(names) <= set(texts(points))
    figure = output(run)
    assert figure is not None
    panels = figure.axes[: min(classes, 9)]
    assert [axes.get_title() for axes in panels] == names[: len(panels)]
    assert panels[0].get_ylabel() == "x2"
    assert panels[-1].get_xlabel() == "x1"
    marks = [panel.lines[0].get_color() for panel in panels]  # as in the other figures
    assert marks == [class_colour(index) for index in range(len(panels))]


def test_the_output_says_which_colour_is_which_class(tmp_path: Path) -> None:
    figure = output(RunView.read(disk(tmp_path)))
    assert figure is not None
    assert [text.get_text() for text in figure.axes[0].texts] == ["outside", "inside"]


def test_classes_between_the_grid_s_points_need_not_all_their_outputs_at_once() -> None:
    grid = np.random.default_rng(0).normal(size=(7, 5, 4))
    wanted = finer(grid).argmax(-1)
    assert np.array_equal(fine_classes(grid, {"kind": "argmax"}), wanted)


def test_the_score_of_a_fit_is_that_of_the_kept_epoch() -> None:
    scores = view(test_r2=[0.1, 0.9, 0.5])
    assert scores.final("test_r2") == 0.5
    assert replace(scores, kept=2.0).final("test_r2") == 0.9


def test_the_decision_boundary_counts_and_rings_the_wrong_test_points(tmp_path: Path) -> None:
    run = disk(tmp_path)
    predictions = run.read_predictions()
    wrong = (predictions["test_output"][:, 0] >= 0.5) != predictions["test_target"]
    figure = decision_boundary(RunView.read(run))
    assert figure is not None
    assert f"wrong on test ({wrong.sum()})" in texts(figure)
    rings = max(figure.axes[0].collections, key=lambda points: points.get_zorder())
    assert np.array_equal(rings.get_offsets(), predictions["test_input"][wrong])


def test_the_confusion_matrix_has_true_classes_as_rows() -> None:
    table = counts(np.array([0, 0, 1, 2]), np.array([0, 2, 1, 2]), 3)
    assert table.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 1]]


def test_a_class_that_no_test_point_has_is_an_empty_row(tmp_path: Path) -> None:
    arrays = {
        "train_target": np.array([0, 1, 2]),
        "train_output": np.eye(3),
        "test_target": np.array([0, 2]),
        "test_output": np.eye(3)[[0, 1]],
    }
    run = write(tmp_path, "gap", [], arrays, class_names=["a", "b", "c"])
    assert [path.stem for path in draw_run(run)] == ["confusion_matrix"]


@pytest.mark.parametrize(("loss_type", "what"), [("mse", "output"), ("bce", "probability")])
def test_only_a_loss_of_probabilities_makes_the_output_one(
    loss_type: str, what: str, tmp_path: Path
) -> None:
    within = plane(lambda x: disk_output(x).clip(0, 1), in_disk)
    run = write(tmp_path, loss_type, [], within, loss_type, **TWO)
    assert f"Predicted {what}" in " ".join(texts(output(RunView.read(run))))


def test_each_watched_quantity_has_a_map_of_layers_by_epochs(tmp_path: Path) -> None:
    figure = dynamics(RunView.read(CASES["watched"](tmp_path)))
    assert figure is not None
    maps = {axes.get_title(): axes.images[0] for axes in figure.axes if axes.images}
    assert {*maps} == {"norm of the gradient", "dead units", "my own"}
    assert maps["norm of the gradient"].get_array().shape == (2, 1)
    assert {"fc_1", "fc_2", "act_1"} <= {*texts(figure)}


def test_a_gradient_that_vanishes_is_faint_and_none_is_the_faintest(tmp_path: Path) -> None:
    figure = dynamics(RunView.read(CASES["watched_of_thirty_layers"](tmp_path)))
    assert figure is not None
    image = figure.axes[0].images[0]
    shades = np.asarray(image.norm(np.asarray(image.get_array())))[:, 0]
    assert shades[0] == 0  # where nothing is left of it
    assert shades[-1] == 1
    assert (np.diff(shades) >= 0).all()
    assert shades[15] == pytest.approx(0.5, abs=0.1)  # by decades


def test_what_turned_to_nan_is_left_blank(tmp_path: Path) -> None:
    figure = dynamics(RunView.read(CASES["watched_and_diverged"](tmp_path)))
    assert figure is not None
    assert "diverged in epoch 2" in " ".join(texts(figure))
    array = np.ma.getmaskarray(np.ma.asarray(figure.axes[0].images[0].get_array()))
    assert array.tolist() == [[False, True]]


def test_a_watched_run_without_a_number_has_no_figure(tmp_path: Path) -> None:
    run = CASES["disk"](tmp_path)
    run.dynamics.append({"epoch": 1, "fc_1.weight_norm": float("nan")})
    assert dynamics(RunView.read(run)) is None
