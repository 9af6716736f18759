"""What a report says of a search: its trials, the best first, and what it took."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trainings import minidl

import minidl as library
from minidl.report.figures.search import search as draw
from minidl.report.members.collect import Member, collect
from minidl.report.study import default_figures, search_of
from minidl.report.tables.trials import budget_note, trials_table
from minidl.spec.report import SearchFigure


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four trials of two seeds: one diverges, one trains to the end."""
    runs = tmp_path_factory.mktemp("runs")
    config: dict[str, Any] = {
        "name": "small",
        "data": {"type": "disk", "train": 40, "test": 24, "validation": 24},
        "model": {"type": "mlp", "hidden": [8]},
        "training": {"epochs": 4, "batch_size": 16},
        "sweep": {
            "search": {"type": "halving", "reduction": 2, "min_epochs": 1},
            "grid": {"optimizer.lr": [0.01, 0.1, 0.5, 1e30]},
            "repeats": 2,
        },
    }
    library.sweep(config, runs_dir=runs)
    return runs / "small"


@pytest.fixture
def members(folder: Path) -> list[Member]:
    return list(collect([folder]).members)


def test_the_trials_that_trained_on_come_first_and_those_that_diverged_last(
    folder: Path, members: list[Member]
) -> None:
    search = search_of([folder])
    assert search
    table = trials_table(members, search)
    assert table.keys == ["optimizer.lr", "epochs"]
    assert [row.settings["epochs"] for row in table.rows] == [4, 2, 1, 1]
    assert [row.counts["stopped"] for row in table.rows] == [0, 2, 2, 0]
    assert table.rows[-1].settings["optimizer.lr"] == 1e30
    assert table.rows[-1].counts["diverged"] == 2
    assert table.metrics[0] == "val_loss"
    for row in table.rows[:3]:  # also those that were stopped have a value, that at their rung
        own = [member.value("val_loss") for member in members if member.name in row.runs]
        assert row.statistics["val_loss"].mean == pytest.approx(sum(own) / 2)
    assert not table.rows[-1].statistics["val_loss"].n
    assert not table.chosen_on_test


def test_a_note_says_what_was_trained_of_what_all_would_take(members: list[Member]) -> None:
    """Two runs each: 4 epochs, 2, 1 and 1, of 4."""
    said = "trained 16 epochs, 50 % of the 32 of all these trials in full"
    assert budget_note(members) == said


def test_the_command_shows_both_and_draws_the_search(folder: Path) -> None:
    told = minidl("report", folder, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(told.out)))
    assert [row["epochs"] for row in rows] == ["4", "2", "1", "1"]
    assert "trained 16 epochs" in told.err
    drawn = minidl("report", folder, "--plots")
    assert "plots/search.png" in drawn.err.replace("\\", "/")
    by = minidl("report", folder, "--by", "optimizer.lr", "--format", "csv")
    assert "epochs" not in by.out.splitlines()[0]


def test_the_line_is_the_best_of_those_that_trained_to_the_end(
    folder: Path, members: list[Member]
) -> None:
    asked, timed = default_figures(members, search_of([folder]))
    assert timed == SearchFigure(name="search_over_seconds", metric="val_loss", over="seconds")
    assert asked == SearchFigure(metric="val_loss")
    figure = draw(members, SearchFigure())
    assert figure
    (axes,) = figure.axes
    early, ended, best, lost = axes.lines
    done = [member for member in members if member.status == "done"]
    mean = sum(member.value("val_loss") for member in done) / 2
    assert np.asarray(ended.get_ydata()) == pytest.approx([mean])
    assert set(np.asarray(best.get_ydata())) == set(np.asarray(ended.get_ydata()))
    assert np.asarray(early.get_xdata()).size == 2
    assert np.asarray(lost.get_xdata()).tolist() == [4]


def test_over_seconds_a_trial_stands_where_its_last_run_ended(members: list[Member]) -> None:
    def at(second: int) -> str:
        return f"2026-01-01T00:00:{second:02}+00:00"

    timed = []
    for one in members:  # the later the trial, the sooner it ends
        trial = one.record.trial
        assert trial is not None
        seed = int(one.settings["seed"] or 0)
        record = replace(one.record, started=at(5), ended=at(30 - 5 * trial + seed))
        timed.append(replace(one, record=record))
    figure = draw(timed, SearchFigure(over="seconds"))
    assert figure
    (axes,) = figure.axes
    early, ended, _, lost = (np.asarray(line.get_xdata()).tolist() for line in axes.lines)
    assert sorted([*early, *ended, *lost]) == [11, 16, 21, 26]
    assert axes.get_xlabel() == "seconds since the search began"
    untimed = [replace(one, record=replace(one.record, ended="soon")) for one in members]
    assert draw(untimed, SearchFigure(over="seconds")) is None


def test_runs_of_no_search_have_no_such_figure(tmp_path: Path) -> None:
    library.sweep(
        {"data": "disk", "model": "mlp", "training": {"epochs": 1}}, runs_dir=tmp_path, name="one"
    )
    assert draw(collect([tmp_path / "one"]).members, SearchFigure()) is None
    assert search_of([tmp_path / "one"]) is None
