"""What the tests of crashes share: a small run, how it goes on, what it ends with."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from crash.server import Ended, Server
from trainings import SMALL

from minidl.runs import RunFolder

TRAINING = ["training.checkpoint_every=1", "optimizer=adam", "model.dropout=0.2"]
KEYS = ("status", "reason", "epochs", "steps", "final", "best", "weights", "config_sha256")


def command(folder: Path, *overrides: str) -> list[object]:
    """`minidl train` of a run of three epochs, into `folder`/runs/run."""
    config = folder / "small.yaml"
    config.write_text(SMALL)
    runs = ("--runs-dir", folder / "runs", "--name", "run", "--quiet", "--device", "cpu")
    return ["train", config, *TRAINING, *overrides, *runs]


def run_of(folder: Path) -> RunFolder:
    """The run of that command."""
    return RunFolder(folder / "runs" / "run")


def whole(server: Server, folder: Path, *overrides: str) -> tuple[RunFolder, Ended]:
    """A run that nothing disturbs, and how its command ended."""
    folder.mkdir()
    ended = server.run(*command(folder, *overrides))
    assert ended.code == 0, ended.err
    return run_of(folder), ended


def killed(server: Server, folder: Path, kill_at: int, *overrides: str) -> list[object]:
    """A run that was killed at that operation; returns what a user does then."""
    folder.mkdir()
    arguments = command(folder, *overrides)
    assert server.run(*arguments, kill_at=kill_at).code == -9
    return next_command(folder, arguments)


def next_command(folder: Path, arguments: list[object]) -> list[object]:
    """`resume` once there is a run to resume, else the same command again."""
    run = run_of(folder)
    return ["resume", run.path, "--quiet"] if run.path.exists() else arguments


def go_on(server: Server, folder: Path, arguments: list[object]) -> None:
    """Let a run that was disturbed come to its end; it may have reached it."""
    ended = server.run(*next_command(folder, arguments))
    at_its_end = ended.code == 2 and "nothing to resume: the run has ended (done)" in ended.err
    assert ended.code == 0 or at_its_end, ended


def assert_same(run: RunFolder, whole: RunFolder) -> None:
    """The same files with the same content, all that tells the time aside."""
    assert names(run) == names(whole)
    assert without_clock(run) == without_clock(whole)
    for name in ("last", "best"):
        assert tensors_equal(run.load_checkpoint(name)[0], whole.load_checkpoint(name)[0])
    mine, theirs = run.read_predictions(), whole.read_predictions()
    assert mine.keys() == theirs.keys()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
    mine, theirs = run.read_record(), whole.read_record()
    for record in (mine, theirs):
        del record["best"]["seconds"]
    assert {key: mine[key] for key in KEYS} == {key: theirs[key] for key in KEYS}


def names(run: RunFolder) -> set[str]:
    """All files; the checkpoint before the last may be missing."""
    inside = {str(path.relative_to(run.path)) for path in run.path.rglob("*")}
    beside = {path.name for path in run.path.parent.iterdir()}
    return (inside | beside) - {"checkpoints/previous.safetensors"}


def tensors_equal(mine: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return mine.keys() == theirs.keys() and all(torch.equal(mine[k], theirs[k]) for k in mine)


def without_clock(run: RunFolder) -> list[str]:
    """The lines of metrics.csv without their last cell: the seconds."""
    if not run.metrics_path.exists():  # no epoch has ended yet
        return []
    return [line.rpartition(",")[0] for line in run.metrics_path.read_text().splitlines()]


def copy(source: Path, target: Path) -> Path:
    """A folder's state, to be disturbed."""
    shutil.copytree(source, target)
    return target


def assert_one_line(ended: Ended, *files: Any) -> None:
    """One message that names one of the files or what lies in it, and no traceback."""
    (line,) = ended.err.splitlines()
    assert line.startswith("minidl: "), line
    assert any(str(file) in line for file in files), line
