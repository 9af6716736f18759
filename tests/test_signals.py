"""How long an orderly end may take."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from trainings import built, spec

from minidl import signals
from minidl.runs.execute import execute
from minidl.signals import Stopped, orderly_end
from minidl.store.run_folder import RunFolder
from minidl.train.stop import Stop
from minidl.train.trainer import Trainer

ALARM = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs an alarm clock")


def busy(seconds: float) -> None:
    """Something that doesn't look whether it should end."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


@ALARM
def test_an_end_that_takes_too_long_is_left_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "PATIENCE", 0.05)
    before = signal.getsignal(signal.SIGALRM)

    def end() -> None:
        with orderly_end(lambda: None):
            signal.raise_signal(signal.SIGTERM)
            busy(30)

    with pytest.raises(Stopped, match="by SIGTERM") as stopped:
        end()
    assert stopped.value.exit_code == 143
    assert signal.getsignal(signal.SIGALRM) is before


@ALARM
def test_who_ends_in_time_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "PATIENCE", 0.05)
    with orderly_end(lambda: None):
        signal.raise_signal(signal.SIGTERM)
    busy(0.2)


def test_a_signal_cuts_a_long_evaluation_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is between two epochs neither: the next process trains the epoch again."""
    monkeypatch.setattr("minidl.train.programs.even_chunk", lambda counts, most: 1)
    monkeypatch.setattr("minidl.train.lanes.CALL_SECONDS", 0.0)
    monkeypatch.setattr(Stop, "patience", 0.0)
    small = spec("training.epochs=2")
    whole = execute(small, runs_dir=tmp_path, name="whole")
    chunks = epochs = 0
    asked, steps_done = Stop.too_late.fget, Trainer.steps_done  # type: ignore[attr-defined]

    def too_late(stop: Stop) -> bool:
        nonlocal chunks
        chunks += epochs == 2
        if chunks == 10:
            signal.raise_signal(signal.SIGTERM)
        return bool(asked(stop))

    def count(trainer: Trainer, seconds: float) -> None:
        nonlocal epochs
        epochs += 1
        steps_done(trainer, seconds)

    monkeypatch.setattr(Stop, "too_late", property(too_late))
    monkeypatch.setattr(Trainer, "steps_done", count)
    outcome = execute(small, runs_dir=tmp_path, name="cut")
    run = RunFolder(tmp_path / "cut")
    assert (outcome.exit_code, run.status, run.read_record().epochs) == (143, "interrupted", 1)
    assert 10 <= chunks <= 11
    assert whole.exit_code == 0


def test_an_evaluation_that_nobody_stops_is_whole() -> None:
    trainer = built().trainer
    assert [epoch.number for epoch in trainer] == [1, 2, 3]
    assert trainer.between_epochs
