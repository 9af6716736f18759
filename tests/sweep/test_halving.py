"""Successive halving: who trains on, also after a kill."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sweep.helpers import Killed, carried_out, kill_after, members, searched, statuses
from trainings import SMALL, text_of_metrics

from minidl.runs.execute import resume
from minidl.spec import Member, load_sweep
from minidl.spec.search import Halving, HalvingSearch, HyperbandSearch
from minidl.sweep.halving import halving
from minidl.sweep.search import trials_of

pytestmark = pytest.mark.usefixtures("progress_at_each_epoch", "kept_programs")

GRID = "optimizer.lr: [1.0e+30, 0.1, 0.05, 0.02, 0.01, 0.005], seed: [0, 1]"
BLOCK = f"sweep: {{search: {{type: halving, reduction: 2, min_epochs: 1}}, grid: {{{GRID}}}}}\n"
EPOCHS = "training.epochs=8"


def trials(count: int, epochs: int = 8, repeats: int = 1) -> list[Sequence[Member]]:
    config = {
        "data": "disk",
        "model": "mlp",
        "training": {"epochs": epochs},
        "sweep": {
            "search": "halving",
            "grid": {"optimizer.lr": [1 + index for index in range(count)]},
            "repeats": repeats,
        },
    }
    return trials_of(load_sweep(config).members)


def rounds(
    search: Halving, given: Sequence[Sequence[Member]], value: Callable[[Member], float]
) -> list[list[tuple[float, int]]]:
    """The rates that train in each round, and up to which epoch."""
    found = halving(search, given, value)
    return [[(one.values["optimizer.lr"], one.epochs) for one in part.members] for part in found]


def search(**options: object) -> HalvingSearch:
    return HalvingSearch.model_validate({"metric": "test_loss", "min_epochs": 1, **options})


def test_the_best_third_trains_thrice_as_long() -> None:
    found = rounds(search(), trials(9, epochs=9), lambda one: -one.values["optimizer.lr"])
    assert found == [
        [(rate, 1) for rate in range(1, 10)],
        [(9, 3), (8, 3), (7, 3)],
        [(9, 9)],
    ]


def test_of_a_score_the_highest_are_the_best_and_of_equal_ones_the_first() -> None:
    found = rounds(
        search(metric="test_accuracy", reduction=2),
        trials(4, epochs=2),
        lambda one: min(one.values["optimizer.lr"], 3),
    )
    assert found[1] == [(3, 2), (4, 2)]


def test_what_diverged_is_never_promoted() -> None:
    given = trials(4, epochs=2)
    assert rounds(search(reduction=2), given, lambda one: math.nan)[1:] == [[]]
    value = {1: math.nan, 2: 5.0, 3: math.nan, 4: 1.0}
    found = rounds(search(reduction=2), given, lambda one: value[one.values["optimizer.lr"]])
    assert found[1] == [(4, 2), (2, 2)]


def test_trials_are_judged_by_the_mean_of_their_runs_and_lost_runs_count() -> None:
    values = {(1, 0): 1.0, (1, 1): 9.0, (2, 0): 4.0, (2, 1): 4.0, (3, 0): 0.0, (3, 1): math.nan}
    found = rounds(
        search(),
        trials(3, epochs=3, repeats=2),
        lambda one: values[one.values["optimizer.lr"], one.spec.seed],
    )
    assert found[1] == [(2, 3), (2, 3)]


def test_a_rung_is_at_an_evaluation() -> None:
    """Since a trial is judged by what it was there."""
    config = {
        "data": "disk",
        "model": "mlp",
        "training": {"epochs": 20, "eval_every": 3},
        "sweep": {"search": "halving", "grid": {"optimizer.lr": [1, 2]}},
    }
    found = rounds(search(min_epochs=4), trials_of(load_sweep(config).members), lambda one: 0.0)
    assert [part[0][1] for part in found] == [6, 12, 20]


def test_hyperband_begins_later_with_fewer_trials_in_each_bracket() -> None:
    found = rounds(
        HyperbandSearch(metric="test_loss", min_epochs=1),
        trials(22, epochs=9),
        lambda one: one.values["optimizer.lr"],
    )
    counts = [{epochs: [e for _, e in part].count(epochs) for _, epochs in part} for part in found]
    assert counts == [{1: 12, 3: 6, 9: 4}, {3: 4, 9: 2}, {9: 1}]
    first = {rate for rate, _ in found[0]}
    assert first == set(range(1, 23))
    assert min(rate for rate, epochs in found[0] if epochs == 1) == found[2][0][0]


def test_trials_train_under_their_whole_schedule_and_go_on_where_they_stopped(
    tmp_path: Path,
) -> None:
    """To the bit as in the whole grid, of which each has the first rows."""
    schedule = "schedule={type: cosine}"
    for name in ("grid", "search"):
        (tmp_path / name).mkdir()
    grid = ["optimizer.lr=1e+30,0.1,0.05,0.02,0.01,0.005", "seed=0,1"]
    carried_out(tmp_path / "grid", *grid, EPOCHS, schedule)
    searched(tmp_path / "search", SMALL + BLOCK, EPOCHS, schedule)
    whole = {run.path.name: text_of_metrics(run) for run in members(tmp_path / "grid")}
    column = next(iter(whole.values()))[0].split(",").index("test_loss")
    loss = {
        name: [float(row.split(",")[column]) for row in rows[1:]] for name, rows in whole.items()
    }
    left = sorted({name.partition(",seed")[0] for name in whole})
    for rung, count in ((1, 3), (2, 1), (4, 1)):
        mean = {
            lr: sum(of[rung - 1] for name, of in loss.items() if name.startswith(f"{lr},"))
            for lr in left
        }
        left = sorted(left, key=lambda lr: (math.isnan(mean[lr]), mean[lr]))[:count]
    for run in members(tmp_path / "search"):
        record = run.read_record()
        rows = text_of_metrics(run)
        assert rows == whole[run.path.name][: len(rows)]
        assert record.epochs == len(rows) - 1
        if run.path.name.partition(",seed")[0] in left:
            assert (record.status, record.epochs) == ("done", 8)
        elif "e+30" in run.path.name:
            assert (record.status, record.epochs) == ("diverged", 1)
        else:
            assert (record.status, record.epochs in (1, 2, 4)) == ("stopped", True)
    stopped = next(run for run in members(tmp_path / "search") if run.status == "stopped")
    resume(stopped.path)  # by itself, if it is told to
    assert text_of_metrics(stopped) == whole[stopped.path.name]


def test_killed_at_any_epoch_it_decides_again_as_it_did(tmp_path: Path) -> None:
    """With other lanes and workers than before."""
    (tmp_path / "whole").mkdir()
    searched(tmp_path / "whole", SMALL + BLOCK, EPOCHS)
    for epoch in (1, 2, 8):
        folder = tmp_path / str(epoch)
        folder.mkdir()
        every = "training.checkpoint_every=1"
        with pytest.raises(Killed):
            searched(folder, SMALL + BLOCK, EPOCHS, every, watch=kill_after(epoch), stack=5)
        searched(folder, SMALL + BLOCK, EPOCHS, every, jobs=2, stack=2)
        assert statuses(folder) == statuses(tmp_path / "whole")
        for one, other in zip(members(folder), members(tmp_path / "whole"), strict=True):
            assert text_of_metrics(one) == text_of_metrics(other)


def test_a_larger_search_takes_what_is_there_and_decides_anew(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    block = BLOCK.replace("0.01, 0.005", "0.01, 0.005, 0.2, 0.3")
    searched(tmp_path / "whole", SMALL + block, EPOCHS)
    searched(tmp_path, SMALL + BLOCK, EPOCHS)
    searched(tmp_path, SMALL + block, EPOCHS)
    assert {"0.2", "0.3"} <= {run.path.name.split(",")[0][3:] for run in members(tmp_path)}
    done = [run.path.name for run in members(tmp_path / "whole") if run.status == "done"]
    assert set(done) <= {run.path.name for run in members(tmp_path) if run.status == "done"}


def test_a_search_that_ended_has_nothing_to_do(tmp_path: Path) -> None:
    searched(tmp_path, SMALL + BLOCK, EPOCHS)
    before = {run.path: run.record_path.stat().st_mtime_ns for run in members(tmp_path)}
    searched(tmp_path, SMALL + BLOCK, EPOCHS)
    assert before == {run.path: run.record_path.stat().st_mtime_ns for run in members(tmp_path)}
