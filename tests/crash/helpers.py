"""What the tests of crashes share: a run and a sweep, how they go on, what they end with."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from crash.server import Ended, Server
from trainings import SMALL

from minidl.runs.restart import Restart
from minidl.store import checkpoint
from minidl.store.run_folder import RunFolder, is_run

TRAINING = ["training.checkpoint_every=1", "optimizer=adam", "model.dropout=0.2"]
GRID = ["optimizer.lr=0.1,0.01", "seed=1,2"]  # side by side, in lanes
NORMALISED = (
    "model={type: sequential, layers: [{linear: 8}, batch_norm, relu, {dropout: 0.3}, linear]}"
)
# What is trained: the first in all tests, each of the others too in `make torture`.
VARIATIONS = {
    "adam": (),
    "momentum": ("optimizer={type: sgd, momentum: 0.9, nesterov: true}",),
    "amsgrad": ("optimizer={type: adamw, amsgrad: true}", "training.dtype=float64"),
    "rmsprop": ("optimizer={type: rmsprop, momentum: 0.9, centered: true}", "schedule=cosine"),
    "batch norm": (NORMALISED, "loss=bce_with_logits"),
    "plateau": ("schedule={type: plateau, patience: 0}", "training.epochs=5"),
    "early stopping": (
        "training.early_stopping={patience: 1, restore_best: true}",
        "training.epochs=8",
        "model.dropout=0.5",
    ),
    "every second": ("training.checkpoint_every=2", "training.epochs=7"),
    "seldom evaluated": ("training.eval_every=3", "training.epochs=5"),
    "clipped": ("loss=bce_with_logits", "training.clip_norm=0.5", "training.epochs=4"),
}
KEYS = ("status", "reason", "epochs", "steps", "final", "best", "weights", "config_sha256")
KINDS = ("run", "sweep")


def command(folder: Path, *overrides: str, kind: str = "run") -> list[object]:
    """`minidl train` or `minidl sweep` of three epochs, into `folder`/runs/run."""
    config = folder / "small.yaml"
    config.write_text(SMALL)
    # A model of layers has dropout among them.
    layers = any(one.startswith("model=") for one in overrides)
    overrides = (
        *(TRAINING[:-1] if layers else TRAINING),
        *(GRID if kind == "sweep" else ()),
        *overrides,
    )
    runs = ("--runs-dir", folder / "runs", "--name", "run", "--quiet", "--device", "cpu")
    if kind == "sweep":
        return ["sweep", config, *overrides, *runs, "--jobs", 1]
    return ["train", config, *overrides, *runs]


def run_of(folder: Path) -> RunFolder:
    """The run of that command; of a sweep only the path has a meaning."""
    return RunFolder(folder / "runs" / "run")


def runs_of(folder: Path) -> Iterator[RunFolder]:
    """The run, or all of the sweep."""
    path = run_of(folder).path
    if is_run(path):
        yield RunFolder(path)
    elif path.exists():
        inside = (one for one in sorted(path.iterdir()) if not one.name.startswith("."))
        yield from (RunFolder(one) for one in inside if is_run(one))


def whole(
    server: Server, folder: Path, *overrides: str, kind: str = "run", **fault: Any
) -> tuple[RunFolder, Ended]:
    """A run that nothing disturbs, and how its command ended."""
    folder.mkdir()
    ended = server.run(*command(folder, *overrides, kind=kind), **fault)
    assert ended.code == 0, ended.err
    return run_of(folder), ended


def killed(
    server: Server, folder: Path, kill_at: int, *overrides: str, kind: str = "run", **fault: Any
) -> list[object]:
    """A run that was killed at that operation; returns what a user does then."""
    folder.mkdir()
    arguments = command(folder, *overrides, kind=kind)
    assert server.run(*arguments, kill_at=kill_at, **fault).code == -9
    return next_command(folder, arguments)


def next_command(folder: Path, arguments: list[object]) -> list[object]:
    """`resume` once there is something to resume, else the same command again."""
    path = run_of(folder).path
    begun = any((path / name).exists() for name in ("config.yaml", "sweep.yaml"))
    return ["resume", path, "--quiet"] if begun else arguments


def go_on(server: Server, folder: Path, arguments: list[object], **fault: Any) -> Ended:
    """Let what was disturbed come to its end; it may have reached it. No result is made twice."""
    assert_sound(folder)
    before, behind = results(folder), restart_epochs(folder)
    finished = server.run(*next_command(folder, arguments), **fault)
    at_its_end = "nothing to resume: the run has ended (done)" in finished.err
    assert finished.code == 0 or (finished.code == 2 and at_its_end), finished
    assert_goes_on_after(behind, finished, folder)
    assert results(folder).items() >= before.items()
    return finished


def ended_runs(folder: Path) -> list[RunFolder]:
    return [run for run in runs_of(folder) if run.status in ("done", "diverged")]


def results(folder: Path) -> dict[str, str]:
    """The runs that have ended, and when."""
    return {run.path.name: str(run.read_record().ended) for run in ended_runs(folder)}


def assert_sound(folder: Path) -> None:
    """Whatever there is, is complete: there is nothing that a checksum would have to find."""
    for path in folder.rglob("*.safetensors"):
        checkpoint.decode(path.read_bytes())
    for run in runs_of(folder):
        run.check_config(run.read_record())
        assert Restart.find(run).damage == ()


def restart_epochs(folder: Path) -> dict[str, int]:
    """After which epoch each run that has begun goes on; its last if it has ended."""
    return {run.path.name: Restart.find(run).epoch for run in runs_of(folder)}


def assert_goes_on_after(epochs: Mapping[str, int], ended: Ended, folder: Path) -> None:
    """Each run, which is at its end now, was trained from there on and no epoch more."""
    trained = [
        range(epochs.get(run.path.name, 0) + 1, (run.read_record().epochs or 0) + 1)
        for run in runs_of(folder)
    ]
    assert sorted(ended.epochs) == sorted(epoch for each in trained for epoch in each)


def assert_redone_at_most(
    count: int, before: Mapping[str, int], ended: Ended, folder: Path, kind: str
) -> None:
    """What was killed had gone on after these epochs; each run trains few of them again."""
    gained = sum(restart_epochs(folder).values()) - sum(before.values())
    assert 0 <= len(ended.epochs) - gained <= count * (4 if kind == "sweep" else 1)


def assert_same(run: RunFolder, whole: RunFolder) -> None:
    """The same files with the same content, all that tells the time aside."""
    assert names(run) == names(whole)
    pairs = zip(runs_of(run.path.parent.parent), runs_of(whole.path.parent.parent), strict=True)
    for mine, theirs in pairs:
        assert_same_run(mine, theirs)
    results = whole.path / "results.csv"
    if results.exists():
        assert table(run.path / "results.csv") == table(results)


def assert_same_run(run: RunFolder, whole: RunFolder) -> None:
    assert run.path.name == whole.path.name
    assert without_clock(run) == without_clock(whole)
    for name in ("last", "best"):
        assert tensors_equal(run.load_checkpoint(name)[0], whole.load_checkpoint(name)[0])
    mine, theirs = run.read_predictions(), whole.read_predictions()
    assert mine.keys() == theirs.keys()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
    record, other = run.read_record(), whole.read_record()
    for one in (record, other):
        one.best = {key: value for key, value in one.best.items() if key != "seconds"}
    assert [getattr(record, key) for key in KEYS] == [getattr(other, key) for key in KEYS]


def names(run: RunFolder) -> set[str]:
    """All files; the checkpoint before the last may be missing."""
    inside = {str(path.relative_to(run.path)) for path in run.path.rglob("*")}
    beside = {path.name for path in run.path.parent.iterdir()}
    return {name for name in inside | beside if not name.endswith("previous.safetensors")}


def table(path: Path) -> list[dict[str, str]]:
    """results.csv without the times."""
    with path.open(newline="") as file:
        return [
            {k: v for k, v in row.items() if k != "train_seconds"} for row in csv.DictReader(file)
        ]


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
