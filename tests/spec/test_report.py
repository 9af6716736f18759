"""The `report:` block: typed, closed, and checked where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from minidl.errors import ConfigError
from minidl.spec import load_report, load_spec
from minidl.spec.activation import LeakyReluActivation
from minidl.spec.report import ActivationsFigure, CurvesFigure

RUN = "data: disk\nmodel: mlp\n"
BLOCK = """\
sweep: {grid: {optimizer.lr: [1e-1, 1e-2]}}
report:
  tables:
    - {by: [model.activation, training.batch_size], best_over: optimizer.lr, where: {loss: mse}}
  figures:
    - {curves: optimizer.lr}
    - {activations: [tanh, {leaky_relu: 0.2}]}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_report(write(folder, text))
    return [str(problem).removeprefix(f"{folder}/study.yaml:") for problem in caught.value.problems]


def test_short_forms_stand_for_figures(tmp_path: Path) -> None:
    report = load_report(write(tmp_path, BLOCK))
    assert report is not None
    (table,) = report.tables
    assert table.by == ("model.activation", "training.batch_size")
    assert table.where == {"loss": "mse"}
    curves, activations = report.figures
    assert isinstance(curves, CurvesFigure)
    assert curves.lines == "optimizer.lr"
    assert isinstance(activations, ActivationsFigure)
    assert activations.activations[1] == LeakyReluActivation(negative_slope=0.2)


def test_a_config_without_a_block_has_no_report(tmp_path: Path) -> None:
    assert load_report(write(tmp_path, RUN)) is None
    assert load_report(write(tmp_path, "report:\n")) is None


def test_every_mistake_is_found_where_it_stands(tmp_path: Path) -> None:
    text = """\
report:
  tables:
    - {by: [training.batchsize], sort_by: [test_loss, lr]}
    - {metrics: [test_los]}
  figures:
    - {type: heat_map, x: optimizer.lr, y: model.hiden, where: {optimizer.rate: 1}}
    - {type: pie}
    - boundaries
    - {activations: [softmax]}
"""
    found = problems(tmp_path, text)
    assert [line.split(": ")[:2] for line in found] == [
        ["3:13", "report.tables[0].by[0]"],
        ["3:55", "report.tables[0].sort_by[1]"],
        ["4:18", "report.tables[1].metrics[0]"],
        ["6:44", "report.figures[0].y"],
        ["6:64", "report.figures[0].where"],
        ["7:14", "report.figures[1].type"],
        ["8:7", "report.figures[2].x"],
    ]
    for line, hint in zip(
        found, ["training.batch_size", "optimizer.lr", "test_loss"], strict=False
    ):
        assert f"did you mean '{hint}'?" in line
    assert problems(tmp_path, "report: {figures: [{activations: [softmax]}]}")[0].startswith(
        "1:35: report.figures[0].activations[0]: softmax isn't a function of one number"
    )


def test_names_of_files_are_safe_and_unlike(tmp_path: Path) -> None:
    for name in ("../x", "a/b", ".hidden", "", "-x", "x" * 61):
        (found,) = problems(tmp_path, f"report: {{tables: [{{name: '{name}'}}]}}")
        assert "expected a file name" in found
    (found,) = problems(tmp_path, "report: {tables: [{name: a}, {name: a}]}")
    assert found == "1:37: report.tables[1].name: the name 'a' is given twice"


def test_training_checks_the_block_too(tmp_path: Path) -> None:
    load_spec(write(tmp_path, RUN + "report: {figures: [activations]}\n"))
    with pytest.raises(ConfigError, match=r"3:20: report\.figures\[0\]\.x: is missing"):
        load_spec(write(tmp_path, RUN + "report: {figures: [boundaries]}\n"))


def test_keys_deep_in_components_are_known(tmp_path: Path) -> None:
    for key in ("model.layers[2].p", "model.activation[0].negative_slope", "schedule.factor"):
        assert load_report(write(tmp_path, f"report: {{figures: [{{curves: '{key}'}}]}}"))
