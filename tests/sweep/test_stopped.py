"""Sweeps that are stopped by a signal, in this process.

By SIGTERM, since a shell may have started the tests with SIGINT ignored.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sweep.helpers import KINDS, assert_same, members, planned, statuses, sweep
from trainings import columns, minidl

from minidl.signals import Stopped
from minidl.sweep import worker
from minidl.sweep.run import run
from minidl.sweep.worker import News

LONG = ["training.epochs=40", "training.dtype=float64", "model.dropout=0.2"]


def stopped(folder: Path, epoch: int, *overrides: str) -> Any:
    """A sweep in this process that is told to stop in that epoch of its first members."""
    told: list[Any] = []

    def watch(news: Sequence[News]) -> None:
        if any(one.epoch >= epoch for one in news) and not told:
            told.append(news)
            signal.raise_signal(signal.SIGTERM)

    return run(planned(folder, *LONG, *overrides, jobs=1, stack=3), watch=watch)


def test_a_sweep_that_is_stopped_goes_on_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "EVENT_SECONDS", 0.0)
    grid = ["seed=1,2,3", "loss=mse,bce_with_logits"]
    outcome = stopped(tmp_path, 17, *grid)
    assert outcome.exit_code == 128 + signal.SIGTERM
    assert dict(outcome.counts) == {"interrupted": 3, "missing": 3}
    for one in members(tmp_path):
        assert one.read_record().reason == "by SIGTERM"
        assert one.load_checkpoint("last")[1]["finished"] == 17
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

    again = run(planned(tmp_path, *LONG, *grid, jobs=1, stack=3))
    assert (again.exit_code, dict(again.counts)) == (0, {"done": 6})

    (tmp_path / "whole").mkdir()
    run(planned(tmp_path / "whole", *LONG, *grid, jobs=1, stack=3))
    assert_same(tmp_path, tmp_path / "whole")


def test_minidl_resume_takes_a_sweeps_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "EVENT_SECONDS", 0.0)
    stopped(tmp_path, 5, "seed=1,2")
    done = minidl("resume", tmp_path / "runs" / "small")
    assert (done.code, done.out) == (0, f"{tmp_path / 'runs' / 'small'}\n")
    assert statuses(tmp_path) == ["done", "done"]
    assert {len(columns(one)["epoch"]) for one in members(tmp_path)} == {40}


def test_a_signal_while_a_member_is_built_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = vars(worker)["build"]

    def building(*arguments: Any) -> Any:
        signal.raise_signal(signal.SIGTERM)
        return build(*arguments)

    monkeypatch.setattr(worker, "build", building)
    outcome = run(planned(tmp_path, "seed=1,2", KINDS, jobs=1))
    assert outcome.exit_code == 128 + signal.SIGTERM
    assert dict(outcome.counts) == {"missing": 6}  # its folder was not there yet
    monkeypatch.undo()
    assert sweep(tmp_path, "seed=1,2", KINDS).code == 0


def test_a_second_signal_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "EVENT_SECONDS", 0.0)

    def watch(news: Sequence[News]) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(Stopped):
        run(planned(tmp_path, "seed=1,2", "training.epochs=1000000", jobs=1), watch=watch)
