"""A run that goes on from an epoch of another with something changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from minidl.build import build
from minidl.errors import RunError
from minidl.runs.begin import Beginning
from minidl.runs.member import whole_state
from minidl.runs.replay import Replay
from minidl.spec import load_spec
from minidl.store import files
from minidl.store.locks import locked
from minidl.store.run_folder import RunFolder, run_path
from minidl.train.trainer import Trainer
from minidl.train.weights import set_weights

if TYPE_CHECKING:
    from minidl.optim import Optimizer


def fork(
    replay: Replay, changes: Sequence[str], *, runs_dir: Path, name: str, command: Sequence[str]
) -> RunFolder:
    """A new run folder that stands where the replay stands, as one that was interrupted there.

    `resume` goes on with it. The replay is of a run's folder, at the end of an epoch. An optimizer
    of another kind begins afresh. Raises ConfigError, and RunError where the changed network can't
    take the weights.
    """
    assert replay.folder is not None
    spec = load_spec(replay.folder.config_path, [*changes, f"name={name}"])
    begun = Beginning.of(spec, replay.data, build(spec, replay.data), runs_dir / name)
    old, new = replay.trainer, begun.experiment.trainer
    _take_over(replay.name, old, new)
    path = run_path(runs_dir, stem=spec.name, config_text=begun.text, name=name)
    origin = {"forked": {"run": replay.name, "epoch": old.finished, "changes": list(changes)}}
    record = replace(begun.record(replay.engine, command), other=origin)
    with locked(path):
        folder = RunFolder.create_at(path, config_text=begun.text, record=record)
        if old.finished:
            rows = replay.folder.metrics.first(old.finished)
            files.write_atomic(folder.metrics_path, rows)
            folder.save_last(*whole_state(new, replay.best_state))
    return folder


def _take_over(name: str, old: Trainer, new: Trainer) -> None:
    """Weights, and what the optimizer, the order and the schedule remember."""
    if len(old.batches) != len(new.batches):
        raise RunError(f"{name}: a fork has the run's own batches: leave training.batch_size alone")
    if old.finished > new.epochs:
        raise RunError(
            f"{name}: has trained {old.finished} epochs there, more than the {new.epochs} that "
            "training.epochs allows"
        )
    try:
        set_weights(new.network, new.optimizer.flat, old.weights())
    except ValueError as error:
        raise RunError(f"{name}: its weights don't fit the changed network: {error}") from error
    if type(old.optimizer) is type(new.optimizer):
        _remember(old.optimizer, new.optimizer)
    new.batches.restore(old.batches.state())
    if old.plateau is not None and new.plateau is not None:
        new.plateau.restore({**old.plateau.state(), "lr": _plateau_rate(old, new)})
    new.finished, new.train_seconds = old.finished, old.train_seconds


def _remember(old: Optimizer, new: Optimizer) -> None:
    for name in old.vectors.keys() & new.vectors.keys():
        new.vectors[name].copy_(old.vectors[name])
    new.steps = old.steps


def _plateau_rate(old: Trainer, new: Trainer) -> float:
    """The rate as far reduced as it was; of another rate to begin with in proportion."""
    assert old.plateau is not None
    return old.plateau.lr * new.first_lr / old.first_lr
