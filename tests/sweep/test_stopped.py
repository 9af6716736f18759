"""Sweeps that are stopped by a signal, in this process.

By SIGTERM, since a shell may have started the tests with SIGINT ignored.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from sweep.helpers import KINDS, members, planned, statuses, sweep
from trainings import columns, minidl, text_of_metrics

from minidl.executors import Update
from minidl.signals import Stopped
from minidl.sweep import stack_run
from minidl.sweep.run import run

LONG = ["training.epochs=40", "training.dtype=float64", "model.dropout=0.2"]


def stopped(folder: Path, epoch: int, *overrides: str) -> Any:
    """A sweep in this process that is told to stop in that epoch of its first stack."""
    told = []

    def watch(update: Update) -> None:
        if update.progress and update.progress.epoch >= epoch and not told:
            told.append(update)
            signal.raise_signal(signal.SIGTERM)

    return run(planned(folder, *LONG, *overrides, jobs=1, stack=3), watch=watch)


def test_a_sweep_that_is_stopped_goes_on_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack_run, "EVENT_SECONDS", 0.0)
    grid = ["seed=1,2,3", "loss=mse,bce_with_logits"]
    outcome = stopped(tmp_path, 17, *grid)
    assert outcome.exit_code == 128 + signal.SIGTERM
    assert dict(outcome.counts) == {"interrupted": 3, "missing": 3}
    for one in members(tmp_path):
        assert one.read_record()["reason"] == "by SIGTERM"
        assert one.load_checkpoint("last")[1]["finished"] == 17
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

    again = run(planned(tmp_path, *LONG, *grid, jobs=1, stack=3))
    assert (again.exit_code, dict(again.counts)) == (0, {"done": 6})

    (tmp_path / "whole").mkdir()
    run(planned(tmp_path / "whole", *LONG, *grid, jobs=1, stack=3))
    for one, whole in zip(members(tmp_path), members(tmp_path / "whole"), strict=True):
        assert one.path.name == whole.path.name
        assert text_of_metrics(one) == text_of_metrics(whole)
        for key in ("final", "epochs", "steps", "status", "reason"):
            assert one.read_record()[key] == whole.read_record()[key]


def test_minidl_resume_takes_a_sweeps_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack_run, "EVENT_SECONDS", 0.0)
    stopped(tmp_path, 5, "seed=1,2")
    done = minidl("resume", tmp_path / "runs" / "small")
    assert (done.code, done.out) == (0, f"{tmp_path / 'runs' / 'small'}\n")
    assert statuses(tmp_path) == ["done", "done"]
    assert {len(columns(one)["epoch"]) for one in members(tmp_path)} == {40}


def test_a_signal_while_a_stack_is_built_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = stack_run.build

    def building(*arguments: Any) -> Any:
        signal.raise_signal(signal.SIGTERM)
        return build(*arguments)

    monkeypatch.setattr(stack_run, "build", building)
    outcome = run(planned(tmp_path, "seed=1,2", KINDS, jobs=1))
    assert outcome.exit_code == 128 + signal.SIGTERM
    assert dict(outcome.counts) == {"interrupted": 2, "missing": 4}
    monkeypatch.undo()
    assert sweep(tmp_path, "seed=1,2", KINDS).code == 0


def test_a_second_signal_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_run, "EVENT_SECONDS", 0.0)

    def watch(update: Update) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(Stopped):
        run(planned(tmp_path, "seed=1,2", "training.epochs=1000000", jobs=1), watch=watch)
