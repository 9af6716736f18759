"""The figures that say how good a run's predictions are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_cases import CASES, table, write
from sklearn.metrics import roc_auc_score
from trainings import minidl, plainly, train

from minidl.report.figures.largest_errors import largest_errors
from minidl.report.figures.plots import draw_quality
from minidl.report.figures.ranking import ranking
from minidl.report.figures.reliability import reliability
from minidl.report.figures.residuals import residuals
from minidl.report.figures.style import to_png
from minidl.report.members.run_view import RunView
from minidl.store.run_folder import RunFolder

ARGMAX = {"kind": "argmax"}
DECISIONS = {"bce": {"kind": "threshold", "at": 0.5}}
OF_CLASSES = {"roc_and_precision_recall", "largest_errors"}
OF_PROBABILITIES = OF_CLASSES | {"reliability"}
OF_NUMBERS = {"residuals", "largest_errors"}


def view(loss: str = "mse", task: str = "classification", **arrays: Any) -> RunView:
    return RunView(
        "run", task=task, loss=loss, decision=DECISIONS.get(loss, ARGMAX), predictions=arrays
    )


def logits(target: np.ndarray, classes: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (len(target), classes))
    return np.asarray(noise + np.eye(classes)[target])


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("disk", OF_CLASSES),
        ("ten_classes_in_the_plane", OF_PROBABILITIES),
        ("diabetes", OF_NUMBERS),
        ("three_targets", OF_NUMBERS),
        ("denoiser", set()),
        ("diverged", set()),
    ],
)
def test_a_run_gets_those_that_fit_its_task(name: str, figures: set[str], tmp_path: Path) -> None:
    drawn = draw_quality(CASES[name](tmp_path))
    assert {name for name, _ in drawn} == figures
    for _, figure in drawn:
        assert to_png(figure).startswith(b"\x89PNG")


def test_outputs_that_are_not_finite_leave_no_figure(tmp_path: Path) -> None:
    arrays = table(3)
    arrays["test_output"] = np.full_like(arrays["test_output"], np.nan)
    assert draw_quality(write(tmp_path, "lost", [], arrays, "cross_entropy")) == []
    values: Any = {"test_target": np.zeros((4, 2)), "test_output": np.full((4, 2), np.inf)}
    assert draw_quality(write(tmp_path, "gone", [], values, task="regression")) == []


def test_a_class_without_test_points_has_no_curve() -> None:
    target = np.array([0, 2] * 20)
    output = logits(target, 3)
    figure = ranking(view("cross_entropy", test_target=target, test_output=output))
    assert figure is not None
    said = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert [words.split("  ")[0] for words in said] == ["class 0", "class 2"]
    p = np.exp(output) / np.exp(output).sum(1, keepdims=True)
    for c, words in zip((0, 2), said, strict=True):
        assert f"{roc_auc_score(target == c, p[:, c]):.3f}," in words
    alone = view("cross_entropy", test_target=target * 0, test_output=output)
    assert ranking(alone) is None


def test_of_sixty_classes_the_eight_worst_are_named() -> None:
    target = np.arange(600) % 60
    output = logits(target, 60)
    output[target == 7] = np.random.default_rng(1).normal(size=(10, 60)) - 3 * np.eye(60)[7]
    figure = ranking(view("cross_entropy", test_target=target, test_output=output))
    assert figure is not None
    said = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert len(said) == 9
    assert said[-1] == "52 that are ranked better"
    assert any(words.startswith("class 7 ") for words in said)


def test_bars_of_the_reliability_diagram_are_the_share_that_is_right() -> None:
    """Ten points at 0.9, six of them right, and four at 0.6, one right: ECE 4.4 / 14."""
    p = np.array([0.9] * 10 + [0.6] * 4)[:, None]
    target = np.array([1] * 6 + [0] * 4 + [1] + [0] * 3)
    figure = reliability(view("bce", test_target=target, test_output=p))
    assert figure is not None
    heights = [bar.get_height() for bar in figure.axes[0].containers[0]]
    assert heights == pytest.approx([0.25, 0.6])
    assert "ECE 0.314" in figure.texts[1].get_text()
    two = np.concatenate([1 - p, p], 1)
    assert reliability(view("mse", test_target=target, test_output=two)) is None


def test_residuals_are_what_is_true_minus_what_is_predicted() -> None:
    target, output = np.array([[1.0], [2.0], [5.0]]), np.array([[1.5], [2.0], [4.0]])
    figure = residuals(view(task="regression", test_target=target, test_output=output))
    assert figure is not None
    points = np.asarray(figure.axes[0].collections[0].get_offsets())
    assert points.tolist() == [[1.5, -0.5], [2, 0], [4, 1]]


def test_the_largest_errors_name_rows_and_classes_the_worst_first() -> None:
    arrays: dict[str, Any] = {
        "test_target": np.array([0, 1, 1]),
        "test_output": np.array([[2.0, 0.0], [3.0, 0.0], [0.0, 1.0]]),
        "test_row": np.array([11, 12, 13]),
    }
    figure = largest_errors(view("cross_entropy", **arrays))
    assert figure is not None
    (axes,) = figure.axes
    said = [text.get_text() for text in axes.get_yticklabels()]
    assert said == ["row 12: class 1 → class 0", "row 13: class 1", "row 11: class 0"]
    assert axes.containers[0][0].get_width() == pytest.approx(np.log(1 + np.exp(3)))
    wrong = largest_errors(view("mse", **arrays))
    assert wrong is not None
    assert [text.get_text() for text in wrong.axes[0].get_yticklabels()] == [said[0]]


def test_of_several_targets_the_largest_error_names_its_own() -> None:
    arrays: dict[str, Any] = {
        "test_target": np.array([[0.0, 0.0], [1.0, 1.0]]),
        "test_output": np.array([[0.5, 3.0], [1.0, np.nan]]),
    }
    figure = largest_errors(view(task="regression", **arrays))
    assert figure is not None
    (text,) = figure.axes[0].get_yticklabels()
    assert text.get_text() == "test 0: target 0 → 3"


@plainly
def test_the_command_draws_them_into_the_run_s_plots(tmp_path: Path) -> None:
    run = train(tmp_path, "data={type: spirals, train: 60, test: 40}", "loss=cross_entropy").run
    told = minidl("report", run.path, "--plots")
    assert told.code == 0, told.err
    for name in OF_PROBABILITIES:
        assert run.plot_path(name).read_bytes().startswith(b"\x89PNG")
    assert "reliability.png" in told.err
    RunFolder(run.path).predictions_path.write_bytes(b"PK")
    damaged = minidl("report", run.path, "--plots")
    assert damaged.code == 0
    assert "is damaged" in damaged.out.replace("\n", " ")


@plainly
@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_the_areas_are_those_in_run_json(loss: str, tmp_path: Path) -> None:
    run = train(
        tmp_path, "data={type: spirals, classes: 3, train: 60, test: 40}", f"loss={loss}"
    ).run
    legend = dict(draw_quality(run))["roc_and_precision_recall"].axes[1].get_legend()
    assert legend is not None
    said = [text.get_text().split("  ")[1].split(", ") for text in legend.get_texts()]
    means = np.array(said, dtype=float).mean(0)
    measures = run.read_record().measures
    wanted = [measures["test_roc_auc"], measures["test_average_precision"]]
    assert means == pytest.approx(wanted, abs=0.0005)  # each is rounded to three digits
