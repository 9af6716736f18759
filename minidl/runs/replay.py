"""A training repeated up to a step of its past, to the bit: from the nearest checkpoint on."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from minidl.build import build, prepare
from minidl.errors import DamageWarning, MinidlWarning, RunError
from minidl.plural import plural
from minidl.runs.begin import Beginning
from minidl.runs.member import State, best_of, whole_state
from minidl.runs.record import differences
from minidl.runs.restart import Restart
from minidl.spec import Spec, load_spec
from minidl.store import checkpoint, files
from minidl.store.run_folder import RunFolder
from minidl.train.lanes import Lanes
from minidl.train.stopping import Row
from minidl.train.trainer import Trainer


@dataclass(frozen=True)
class Place:
    """A step, from 1, in its epoch, from 1: the `index`-th there, from 0, of `steps`."""

    step: int
    epoch: int
    index: int
    steps: int

    @property
    def ends_epoch(self) -> bool:
        return self.index == self.steps - 1


class Replay:
    """The training of a spec, or of a run's folder. Writes nothing.

    `before(step)` brings the trainer to where that step begins, and `after(step)` to where it has
    ended, with the numbers that the run had: by the same compiled code, in the same order. Steps
    count from 1, and only go forward. Raises ConfigError, DataError and RunError.
    """

    def __init__(self, spec: Spec, folder: RunFolder | None = None) -> None:
        self.spec, self.folder = spec, folder
        self.data, self.experiment = prepare(spec)
        self.trainer = self.experiment.trainer
        self.rows = torch.zeros(0, dtype=torch.int64)  # the samples of the step that comes next
        self._lanes: Lanes | None = None
        self._begun: int | None = None  # steps of the epoch that has begun, if one has
        self.best_state: State | None = None
        self._best = best_of(spec)
        self._best.improved = self._keep_best
        self.columns: dict[str, list[float]] = {}
        self.epochs = spec.training.epochs  # that it has, or had
        if folder is not None:
            self.epochs, self.columns = _written(folder, self.epochs)

    @classmethod
    def of_run(cls, path: Path) -> Replay:
        """That of a run's folder; warns where what trained it isn't what is here."""
        return cls.of_runs([path])[0]

    @classmethod
    def of_runs(cls, paths: Sequence[Path]) -> list[Replay]:
        """Those of several runs' folders, with one warning for all that have the same reason."""
        replays, others = list[Replay](), dict[str, list[str]]()
        for path in paths:
            folder = RunFolder.open(path)
            folder.check_config(folder.read_record())
            replays.append(cls(load_spec(folder.config_path), folder))
            if other := "; ".join(replays[-1]._another_origin()):
                others.setdefault(other, []).append(replays[-1].name)
        for other, names in others.items():
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            verb = "were" if more else "was"
            message = f"{names[0]}{more}: {verb} trained with {other}: repeating isn't exact"
            warnings.warn(message, MinidlWarning, stacklevel=3)
        return replays

    @property
    def name(self) -> str:
        """What is repeated, for messages."""
        return str(self.folder.path) if self.folder else self.spec.name

    @property
    def engine(self) -> str:
        """What repeats it, as run.json says it; empty before the first step."""
        return self._lanes.engine.description if self._lanes else ""

    def place(self, step: int) -> Place:
        """Where a step stands. Raises RunError for one that the training doesn't have."""
        each = len(self.trainer.batches)
        if not 1 <= step <= self.epochs * each:
            raise RunError(
                f"{self.name}: has no step {step:,}: there are {self.epochs * each:,}, "
                f"{plural(self.epochs, 'epoch')} of {plural(each, 'step')}"
            )
        epoch, index = divmod(step - 1, each)
        return Place(step, epoch + 1, index, each)

    def before(self, step: int) -> Place:
        """Bring the trainer, and `rows`, to where a step begins."""
        place = self.place(step)
        with self._training(place) as lanes:
            lanes.train_steps(place.index, self._begun)
            self._begun = place.index
        self.rows = lanes.rows(0, place.index)
        return place

    def after(self, step: int) -> Place:
        """Bring the trainer to where a step has ended."""
        place = self.place(step)
        with self._training(place) as lanes:
            if place.ends_epoch:
                self._end(lanes)
            else:
                lanes.train_steps(place.index + 1, self._begun)
                self._begun = place.index + 1
        return place

    def checkpoint(self) -> bytes:
        """The training as it stands, as a run's own checkpoint of that epoch has it."""
        tensors, state = whole_state(self.trainer, self.best_state)
        if self.folder is not None:
            state["metrics"] = self.folder.metrics.mark_of(self.trainer.finished)
            for name, further in self.folder.further.items():
                if files.is_file(further.path):
                    epochs = further.read()["epoch"]
                    rows = sum(epoch <= self.trainer.finished for epoch in epochs)
                    state[name] = further.mark_of(rows)
        if self._begun:
            state["begun"] = self._begun  # steps of an epoch that hasn't ended
            state["optimizer_steps"] += self._begun
        return checkpoint.encode(tensors, state)

    def in_double(self) -> Trainer:
        """A copy of the trainer as it stands, in float64 and on the CPU."""
        training = self.spec.training.model_copy(update={"dtype": "float64"})
        spec = self.spec.model_copy(update={"training": training, "device": "cpu"})
        copy = build(spec, self.data).trainer
        copy.optimizer.flat.data.copy_(self.trainer.optimizer.flat.data)
        for name, values in self.trainer.network.named_statistics().items():
            copy.network.named_statistics()[name].copy_(values)
        return copy

    @contextlib.contextmanager
    def _training(self, place: Place) -> Iterator[Lanes]:
        """The trainer in its lane, where the epochs before that of a step have ended."""
        if self._lanes is None:
            if self.folder is not None:
                self._restore(Restart.find(self.folder, place.epoch - 1))
            self._lanes = Lanes(self.trainer)
        self._lanes.put(self.trainer)
        try:
            while self.trainer.finished < place.epoch - 1:
                self._end(self._lanes)
            yield self._lanes
        finally:
            self._lanes.remove(self.trainer)

    def _restore(self, restart: Restart) -> None:
        assert self.folder is not None
        if restart.damage:
            warnings.warn("; ".join(restart.damage), DamageWarning, stacklevel=4)
        if not restart.checkpoint:
            return
        self.best_state = restart.restore(self.trainer, self.folder)
        for cells in zip(*restart.columns.values(), strict=True):
            row = dict(zip(restart.columns, cells, strict=True))
            self._best({name: None if math.isnan(x) else x for name, x in row.items()})

    def _end(self, lanes: Lanes) -> None:
        """Train to the end of an epoch, and note it with the seconds that it took the run."""
        ((_, epoch),) = lanes.train_epoch(self._begun)
        self._begun = None
        seconds = self.columns.get("seconds", [])
        if len(seconds) >= epoch.number:
            self.trainer.train_seconds = seconds[epoch.number - 1]
        if epoch.finite:
            self._best(epoch.row())

    def _keep_best(self, row: Row) -> None:
        if row["epoch"] == self.trainer.finished:
            self.best_state = self.trainer.weights(), {"finished": self.trainer.finished}

    def _another_origin(self) -> list[str]:
        """In what the run's origin differs from what is here."""
        assert self.folder is not None
        before = self.folder.read_record()
        begun = Beginning.of(self.spec, self.data, self.experiment, self.folder.path)
        return list(differences(before, begun.record(before.engine or "")))


def _written(folder: RunFolder, epochs: int) -> tuple[int, dict[str, list[float]]]:
    """How many epochs a run has, and its metrics.csv."""
    if not files.is_file(folder.metrics_path):
        return epochs, {}
    columns = folder.metrics.read()
    return len(columns.get("epoch", ())), columns
