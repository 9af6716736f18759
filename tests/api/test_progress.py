"""A bar shows how far a training from Python is, where somebody sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.progress import Progress

import minidl

CONFIG = {
    "name": "small",
    "data": {"type": "moons", "train": 20, "test": 10},
    "model": {"mlp": [3]},
    "training": {"epochs": 2},
}


def test_a_script_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    minidl.train(CONFIG, runs_dir=tmp_path)
    minidl.sweep(CONFIG, ["seed=1,2"], runs_dir=tmp_path)
    assert capsys.readouterr() == ("", "")


def test_a_notebook_shows_a_bar_unless_told_not_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    shown = list[Progress]()
    monkeypatch.setattr(Progress, "start", lambda bar: shown.append(bar))  # with no page to draw on
    minidl.train(CONFIG, runs_dir=tmp_path, progress=False)
    assert not shown
    minidl.train(CONFIG, runs_dir=tmp_path, name="again")
    assert [bar.tasks[0].description for bar in shown] == ["again"]
    assert shown[0].finished


def test_a_bar_that_is_asked_for_counts_epochs_and_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    minidl.train(CONFIG, runs_dir=tmp_path, progress=True)
    assert "2/2" in capsys.readouterr().out
    minidl.sweep(CONFIG, ["seed=1,2,3"], runs_dir=tmp_path, progress=True)
    assert "3/3" in capsys.readouterr().out
