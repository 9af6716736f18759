"""A run that stopped goes on as if it never had, to the bit."""

from __future__ import annotations

import math
import re
import signal
from pathlib import Path
from typing import get_args

import pytest
import torch
from trainings import OPTIMIZERS, KilledError, kill_after, minidl

import minidl.runs.drive as drive
from minidl.build import prepare
from minidl.errors import RestartWarning, RunError
from minidl.runs.drive import CHECKPOINT_SECONDS
from minidl.runs.execute import execute, resume
from minidl.runs.restart import Restart
from minidl.spec import Spec, parse_spec
from minidl.spec.optimizer import AnyOptimizer
from minidl.store import checkpoint
from minidl.store.locks import locked
from minidl.store.run_folder import RunFolder, is_run
from minidl.train.stopping import Row
from minidl.train.trainer import Trainer

pytestmark = pytest.mark.usefixtures("kept_programs")

CONFIG = """
name: resumed
data: {type: moons, train: 110, test: 50}
model: {type: mlp, hidden: [8], dropout: 0.3}
loss: cross_entropy
optimizer: {type: adam, lr: 0.01}
training: {epochs: 6, batch_size: 20, checkpoint_every: 1}
"""

# Batch normalisation carries running averages from step to step, beside the parameters.
NORMALISED = (
    "model={type: sequential, layers: [{linear: 8}, batch_norm, relu, {dropout: 0.3}, linear]}"
)
CONVOLVED = (
    "model={type: sequential, layers: [{conv2d: 4}, batch_norm, relu, "
    "{residual: [{type: conv2d, out_channels: 4, padding: same}, batch_norm, {dropout: 0.3}]}, "
    "max_pool2d, flatten, linear]}"
)
DENOISES = (
    "model={sequential: [{type: conv2d, out_channels: 4, stride: 2, padding: 1}, relu, "
    "{dropout: 0.1}, {upsampling: 3}, sigmoid]}"
)
PATCHES = "data={type: photo_patches, train: 50, test: 10, size: 8, target: noisy}"

VARIANTS = [
    ["optimizer=sgd"],
    ["optimizer={type: sgd, momentum: 0.9, dampening: 0.5}"],
    ["optimizer={type: sgd, momentum: 0.9, nesterov: true, weight_decay: 0.1}"],
    ["optimizer={type: rmsprop, momentum: 0.9, centered: true}"],
    ["optimizer=adam"],
    ["optimizer={type: adamw, amsgrad: true}"],
    ["optimizer={type: adagrad, lr_decay: 0.1, initial_accumulator_value: 0.5}"],
    ["optimizer={type: adam, lr: 0.01, lr_factors: {fc_1: 0.1}}"],
    ["model.freeze=[fc_1]", "optimizer={type: adagrad, lr_factors: {fc_2: 9}, lr_decay: 0.1}"],
    ["schedule=cosine"],
    ["schedule={type: plateau, patience: 0, factor: 0.5}"],
    ["training.early_stopping={patience: 2}", "optimizer.lr=0.3"],
    ["training.evaluate_in=train"],
    ["training.dtype=float64"],
    ["training.eval_every=4"],
    [NORMALISED],
    [NORMALISED, "training.evaluate_in=train"],
    [NORMALISED, "training.early_stopping={patience: 2}", "optimizer.lr=0.3"],
    [CONVOLVED, "data={type: digits, images: true, test_fraction: 0.9}"],
    [DENOISES, PATCHES, "loss=mse", "schedule={type: plateau, metric: test_psnr, patience: 0}"],
]


def make(overrides: list[str]) -> Spec:
    return parse_spec(CONFIG, overrides=overrides)


@pytest.mark.parametrize("overrides", VARIANTS, ids=str)
def test_training_goes_on_from_every_epoch(overrides: list[str]) -> None:
    trainer = prepare(make(overrides))[1].trainer
    states, rows = [], []
    for epoch in trainer:
        states.append(trainer.state())
        rows.append({**epoch.row(), "seconds": 0.0})
    for stop, state in enumerate(states[:-1], 1):
        again = prepare(make(overrides))[1].trainer
        again.restore(*state)
        assert again.train_seconds == state[1]["train_seconds"] > 0
        assert [{**epoch.row(), "seconds": 0.0} for epoch in again] == rows[stop:]
        assert torch.equal(again.optimizer.flat.data, trainer.optimizer.flat.data)


def test_every_optimizer_is_among_those_that_are_stopped() -> None:
    types = {get_args(one.model_fields["type"].annotation)[0] for one in get_args(AnyOptimizer)}
    assert {re.sub(r"{type: (\w+).*", r"\1", one) for one in OPTIMIZERS} == types


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_with_dropout_and_batch_normalisation_goes_on_from_every_epoch(
    optimizer: str, tmp_path: Path
) -> None:
    """By way of the file that a checkpoint is."""
    spec = make([NORMALISED, f"optimizer={optimizer}", "training.epochs=4"])
    trainer = prepare(spec)[1].trainer
    files = [checkpoint.encode(*trainer.state()) for _ in trainer]
    assert len(files) == 4
    for content in files:
        again = prepare(spec)[1].trainer
        again.restore(*checkpoint.decode(content))
        for _ in again:
            pass
        mine, theirs = again.state()[0], trainer.state()[0]
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize("overrides", VARIANTS, ids=str)
def test_a_killed_run_ends_with_the_files_of_one_that_never_stopped(
    overrides: list[str], tmp_path: Path
) -> None:
    spec = make([*overrides, "training.checkpoint_every=2"])
    whole = execute(spec, runs_dir=tmp_path, name="whole").run.folder
    with pytest.raises(KilledError):
        execute(spec, runs_dir=tmp_path, name="killed", observers=[kill_after(3)])
    assert RunFolder.open(tmp_path / "killed").status == "failed"
    killed = resume(tmp_path / "killed").run.folder
    assert without_clock(killed) == without_clock(whole)
    for name in ("last", "best"):
        mine, theirs = (folder.load_checkpoint(name)[0] for folder in (killed, whole))
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    for key in ("status", "reason", "epochs", "steps", "final", "weights"):
        assert getattr(killed.read_record(), key) == getattr(whole.read_record(), key)


def test_a_run_killed_before_its_first_checkpoint_starts_again(tmp_path: Path) -> None:
    spec = make(["training.checkpoint_every=5"])
    whole = execute(spec, runs_dir=tmp_path, name="whole").run.folder
    with pytest.raises(KilledError):
        execute(spec, runs_dir=tmp_path, name="killed", observers=[kill_after(3)])
    what = "killed: was stopped before its first checkpoint: training starts from the beginning"
    with pytest.warns(RestartWarning, match=what):
        killed = resume(tmp_path / "killed").run.folder
    assert without_clock(killed) == without_clock(whole)


class Clock:
    """Stands in for the module `time`, as far as checkpoints ask for it."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.mark.parametrize("seconds", [1.0, 4.0, 25.0])
def test_by_default_what_is_trained_again_took_ten_seconds_or_an_epoch(
    seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epochs take so long, by a clock of the test's; the run is killed as the 18th ends."""
    clock = Clock()
    monkeypatch.setattr(drive, "time", clock)

    def epoch_ended(row: Row) -> None:
        clock.now += seconds
        if row["epoch"] == 18:
            raise KilledError

    spec = make(["training.checkpoint_every=null", "training.epochs=20"])
    with pytest.raises(KilledError):
        execute(spec, runs_dir=tmp_path, name="run", observers=[epoch_ended])
    # That epoch counts too: it was trained, and is trained again.
    redone = 18 - Restart.find(RunFolder(tmp_path / "run")).epoch
    assert 1 <= redone <= math.ceil(CHECKPOINT_SECONDS / seconds)


def test_a_run_of_a_sweep_goes_on_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another command works on the sweep, it is refused."""
    config = tmp_path / "small.yaml"
    config.write_text(CONFIG)
    command = ("sweep", config, "seed=1,2,3", "--jobs", 1, "--runs-dir", tmp_path)
    assert minidl(*command, "--name", "whole").code == 0
    epochs, steps_done = 0, Trainer.steps_done

    def stop_at_the_fifth(trainer: Trainer, seconds: float) -> None:
        nonlocal epochs
        epochs += 1
        if epochs == 5:
            signal.raise_signal(signal.SIGTERM)
        steps_done(trainer, seconds)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "steps_done", stop_at_the_fifth)
        assert minidl(*command, "--name", "cut").code == 143
    runs = [path for path in sorted((tmp_path / "cut").iterdir()) if is_run(path)]
    assert runs
    for path in runs:
        assert RunFolder(path).status == "interrupted"
        with locked(tmp_path / "cut"):
            assert f"{tmp_path / 'cut'}: is in use" in minidl("resume", path).err
        assert minidl("resume", path).code == 0
        run, whole = RunFolder(path), RunFolder(tmp_path / "whole" / path.name)
        assert without_clock(run) == without_clock(whole)
        mine, theirs = (one.load_checkpoint("last")[0] for one in (run, whole))
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
        assert run.read_record().sweep == whole.read_record().sweep


def test_a_run_that_has_ended_is_not_resumed(tmp_path: Path) -> None:
    execute(make([]), runs_dir=tmp_path, name="whole")
    with pytest.raises(RunError, match=r"nothing to resume: the run has ended \(done\)"):
        resume(tmp_path / "whole")


def without_clock(folder: RunFolder) -> list[str]:
    lines = folder.metrics_path.read_text().splitlines()
    return [line.rsplit(",", 1)[0] for line in lines]
