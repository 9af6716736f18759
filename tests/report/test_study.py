"""Studies: the tables and figures that a `report:` block describes."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from study_cases import batch_size_by_lr, curves, resolved, sweep, words_of, write_run

from minidl.errors import ConfigError, RunError
from minidl.report.figures import style
from minidl.report.members.collect import Collection, Member, collect
from minidl.report.study import default_figures, document, draw, report_of
from minidl.spec.report import (
    ActivationsFigure,
    BoundariesFigure,
    CurvesFigure,
    ErrorBarsFigure,
    HeatMapFigure,
    OverlayFigure,
)

BLOCK = """
report:
  tables:
    - name: best_rates
      by: [model.activation, training.batch_size]
      best_over: optimizer.lr
      metrics: [train_loss, test_loss]
      best_by: test_loss
      sort_by: [model.activation, training.batch_size]
  figures:
    - type: curves
      name: loss_by_rate
      lines: optimizer.lr
      where: {training.batch_size: 5, model.activation: relu}
    - type: curves
      lines: training.batch_size
      best_over: optimizer.lr
      where: {model.activation: relu}
    - {type: heat_map, x: training.batch_size, y: optimizer.lr, panels: model.activation}
    - {type: error_bars, x: training.batch_size, lines: model.activation}
    - activations
"""


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return batch_size_by_lr(tmp_path_factory.mktemp("grid") / "s", 3, 6, BLOCK)


@pytest.fixture(scope="module")
def found(grid: Path) -> Collection:
    return collect([grid])


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_a_block_gives_its_tables_and_figures(grid: Path, found: Collection) -> None:
    report = report_of([grid])
    assert report is not None
    made = document("s", found, report.tables, report.figures, report=report, folder=grid / "plots")
    (table,) = made.tables
    assert table.name == "best_rates"
    assert list(table.keys) == ["model.activation", "training.batch_size", "optimizer.lr"]
    best = [row.settings["optimizer.lr"] for row in table.rows[:7]]
    assert best == [0.01, 0.01, 0.01, 0.001, 0.001, 0.001, 0.0001]  # as in report 003
    names = ["loss_by_rate", "curves", "heat_map", "error_bars", "activations"]
    assert [drawn.name for drawn in made.figures] == names
    for drawn in made.figures:
        assert drawn.path == grid / "plots" / f"{drawn.name}.png"
        assert drawn.path.read_bytes() == drawn.png
        width, height = size_of(drawn.png)
        assert 500 < width < 2600
        assert 400 < height < 2600
    assert not made.notes


def test_what_no_run_has_is_an_error_with_its_place(grid: Path, found: Collection) -> None:
    text = (grid / "sweep.yaml").read_text()
    other = grid.parent / "other"
    other.mkdir(exist_ok=True)
    (other / "sweep.yaml").write_text(
        text.partition("report:")[0]
        + "report:\n  tables:\n    - {by: [optimizer.betas]}\n"
        + "  figures:\n    - {type: curves, lines: optimizer.lr, where: {loss: bce}}\n"
    )
    report = report_of([other])
    assert report is not None
    with pytest.raises(ConfigError, match=r"sweep\.yaml:7:7: report\.tables\[0\]: none of these"):
        document("s", found, report.tables, report=report)
    with pytest.raises(RunError, match="no run has the values loss: 'bce'"):
        document("s", found, [], [CurvesFigure(lines="optimizer.lr", where={"loss": "bce"})])


@pytest.mark.parametrize(("epochs", "repeats"), [(1, 1), (2, 3), (30, 3)])
def test_every_figure_of_odd_sweeps_can_be_drawn(tmp_path: Path, epochs: int, repeats: int) -> None:
    folder = sweep(
        tmp_path / "s",
        {"optimizer.lr": [0.1, 1.0], "model.init": ["uniform", "he_normal"]},
        repeats,
        epochs,
        look=lambda settings, seed: {"status": "diverged"} if settings["optimizer.lr"] == 1 else {},
        boundaries=True,
    )
    members = collect([folder]).members
    lr, init = "optimizer.lr", "model.init"
    for asked in (
        CurvesFigure(lines=lr, panels=init, metrics=("test_error",), scale="log"),
        CurvesFigure(lines=lr, panels=init, best_over=init, band="ci95"),
        OverlayFigure(lines=init, metrics=("train_loss", "lr")),
        ErrorBarsFigure(x=lr, lines=init, band="range"),
        ErrorBarsFigure(x=init, metric="train_seconds"),
        HeatMapFigure(x=lr, y=init, metric="test_loss"),
        BoundariesFigure(x=lr, y=init),
        BoundariesFigure(x=init, seed=0),
    ):
        notes: list[str] = []
        figure = draw(members, asked, notes)
        assert figure is not None
        assert min(size_of(style.to_png(figure))) > 300
        assert not notes


def test_boundaries_say_which_colour_is_which_class(tmp_path: Path) -> None:
    sweep(tmp_path / "s", {"optimizer.lr": [0.1, 1.0]}, 1, 2, boundaries=True)
    figure = draw(collect([tmp_path]).members, BoundariesFigure(x="optimizer.lr"), [])
    assert figure is not None
    legend = figure.axes[-1].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        *("outside", "inside", "wrong on test"),
    ]
    tints = [handle.get_color() for handle in legend.legend_handles[:2]]
    assert tints == [style.tint(style.class_colour(index)) for index in (0, 1)]


def test_hostile_words_in_figures_are_words(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", resolved(), curves(3))
    (member,) = collect([run.path]).members
    words = ["$\\frac{1}{0$", "_hidden", "\x1b[31m\u202ered", "<svg>", "猫" * 50, "a" * 300]
    members = [
        Member(member.folder, {**member.settings, "loss": each, "seed": i}, member.record)
        for i, each in enumerate(words)
    ]
    for asked in (
        CurvesFigure(lines="loss", title="$\\broken{$ \x1b"),
        CurvesFigure(lines="optimizer.lr", panels="loss"),
        OverlayFigure(lines="loss"),
        ErrorBarsFigure(x="loss", lines="loss"),
        HeatMapFigure(x="loss", y="loss"),
    ):
        figure = draw(members, asked, [])
        assert figure is not None
        style.to_png(figure)
        for text in words_of(figure):
            assert "\x1b" not in text
            assert "\u202e" not in text
            assert len(text) < 140


def test_too_many_lines_are_cut_and_counted(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", resolved(), curves(3))
    (member,) = collect([run.path]).members
    members = [
        Member(member.folder, {**member.settings, "optimizer.lr": 0.1 * i}, member.record)
        for i in range(70)
    ]
    figure = draw(members, CurvesFigure(lines="optimizer.lr"), [])
    assert figure is not None
    assert any("24 of 70 lines" in text for text in words_of(figure))
    style.to_png(figure)  # warns, which is an error here, where the legend leaves no room
    for key in ("optimizer.lr", "seed"):
        figure = draw(members, ErrorBarsFigure(x="loss", lines=key), [])
        assert figure is not None
        style.to_png(figure)


def test_where_several_runs_fit_a_place_that_is_noted(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "s", {"loss": ["mse", "cross_entropy"], "optimizer.lr": [0.1, 0.2]})
    notes: list[str] = []
    assert draw(collect([folder]).members, OverlayFigure(lines="loss"), notes)
    assert "up to 2 unlike ones fit" in notes[0]
    notes.clear()
    asked = OverlayFigure(lines="loss", where={"optimizer.lr": 0.1})
    assert draw(collect([folder]).members, asked, notes)
    assert not notes


def test_cells_without_a_mean_say_why(tmp_path: Path) -> None:
    def look(settings: dict[str, Any], seed: int) -> dict[str, Any]:
        lost = settings["optimizer.lr"] == 0.3 or (settings["optimizer.lr"] == 0.2 and seed == 0)
        return {"status": "diverged"} if lost else {}

    folder = sweep(tmp_path / "s", {"optimizer.lr": [0.1, 0.2, 0.3], "seed": [7]}, look=look)
    sweep(tmp_path / "t", {"optimizer.lr": [0.1], "training.batch_size": [5]}, look=look)
    asked = HeatMapFigure(metric="test_loss", x="optimizer.lr", y="training.batch_size")
    figure = draw(collect([folder, tmp_path / "t"]).members, asked, [])
    cells = [text.get_text() for text in figure.axes[0].texts]
    assert len(cells) == 6
    assert cells[1:3] == ["–", "–"]
    assert cells[4].endswith("\n1 div.")
    assert cells[5] == "div."
    blank = [patch for patch in figure.axes[0].patches if patch.get_hatch()]
    assert len(blank) == 1


def test_a_damaged_metrics_file_is_noted_and_the_rest_is_drawn(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "s", {"optimizer.lr": [0.1]}, repeats=3)
    broken = next(path for path in folder.iterdir() if path.name.endswith("-1"))
    (broken / "metrics.csv").write_text("epoch,test_loss\n1,0.5\n2,x\n")
    notes: list[str] = []
    figure = draw(collect([folder]).members, CurvesFigure(lines="optimizer.lr"), notes)
    assert figure is not None
    (note,) = notes
    assert "metrics.csv: is damaged: line 3" in note
    assert any("mean ± std of 2 runs" in text for text in words_of(figure))


def test_rings_mark_where_the_rate_changes(tmp_path: Path) -> None:
    def rate(epoch: int) -> float:
        return 0.1 if epoch <= 10 else 0.01

    folder = sweep(
        tmp_path / "s",
        {"schedule": ["constant", "cosine"]},
        look=lambda s, seed: {"rate": rate} if s["schedule"] == "cosine" else {},
    )
    figure = draw(collect([folder]).members, OverlayFigure(lines="schedule", seed=1), [])
    assert figure is not None
    rings = [
        line
        for line in figure.axes[0].lines
        if line.get_marker() == "o" and line.get_markersize() == 5.5
    ]
    assert [line.get_xdata().tolist() for line in rings] == [[10.0]]
    assert "rate changes" in words_of(figure)
    assert any("single runs, seed 1" in text for text in words_of(figure))


def test_activations_need_no_runs() -> None:
    figure = draw([], ActivationsFigure(), [])
    assert figure is not None
    assert {"sigmoid", "tanh", "f(x)", "f′(x)"} <= set(words_of(figure))


def test_figures_for_runs_that_nobody_chose_any_for(tmp_path: Path, found: Collection) -> None:
    asked = default_figures(found.members)
    assert [figure.type for figure in asked] == ["curves", "curves", "curves", "heat_map"]
    made = document("x", found, [], asked)
    assert len(made.figures) == 4
    write_run(tmp_path / "alone", resolved(), curves(3))
    alone = collect([tmp_path])
    assert len(document("x", alone, [], default_figures(alone.members)).figures) == 1
    assert default_figures([]) == []
