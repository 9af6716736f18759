"""One network's run while it trains: its folder, its best epoch, its end."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from minidl.build import Experiment
from minidl.data import Dataset
from minidl.nn import Sequential
from minidl.plural import plural
from minidl.runs.boundary import Boundary
from minidl.runs.measures import measures
from minidl.runs.predictions import predictions
from minidl.runs.record import now
from minidl.runs.restart import BEST, Restart
from minidl.scores import is_of_a_part
from minidl.spec import Spec
from minidl.store import files
from minidl.store.run_folder import RunFolder
from minidl.store.run_record import ENDED, STOPPED, RunRecord
from minidl.train.stopping import Best, Observer, Row, stops
from minidl.train.trainer import Epoch, Trainer
from minidl.train.weights import set_weights

State = tuple[dict[str, Tensor], dict[str, Any]]

ROWS_SECONDS = 0.1  # between two times that rows are appended to metrics.csv


class MemberRun:
    """Writes one run folder while a Trainer trains.

    `observers` see each row of metrics.csv and may return a reason to stop. `status` is "running"
    until the run has ended, by itself (done, diverged) or from outside (`end`). The record says so
    once the caller has called `close`. After the epoch `until` it is stopped, and can go on from
    there: schedules are those of a whole training.
    """

    def __init__(
        self,
        spec: Spec,
        data: Dataset,
        experiment: Experiment,
        folder: RunFolder,
        record: RunRecord,
        *,
        observers: Sequence[Observer] = (),
        until: int | None = None,
    ) -> None:
        self.spec, self.data, self.experiment = spec, data, experiment
        self.folder, self.record, self.until = folder, record, until
        self.status = "running"
        self.figures_missing = False  # if so, somebody draws them before the record says "done"
        self.reason: str | None = None
        self.last_row: Row = {}
        self.best_state: State | None = None
        self._saved_best: State | None = None
        self.best = best_of(spec)
        self.best.improved = self._keep_best
        self._observers: list[Observer] = [self.best, *stops(spec.training), *observers]
        self._unwritten: list[Row] = []
        self._unwritten_dynamics: list[Row] = []
        self._boundary: Boundary | None = None
        if spec.training.record:
            self._boundary = Boundary(spec, data, experiment)
        self._written = -ROWS_SECONDS  # when rows were, on the clock of `perf_counter`
        self._clock = time.perf_counter() - (record.seconds or 0.0)

    @property
    def name(self) -> str:
        """That of its folder."""
        return self.folder.path.name

    @property
    def trainer(self) -> Trainer:
        return self.experiment.trainer

    @property
    def epochs(self) -> int:
        """How many it is going to train at most."""
        return min(self.trainer.epochs, self.until or self.trainer.epochs)

    @property
    def running(self) -> bool:
        """Whether it still trains."""
        return self.status == "running"

    def epoch_ended(self, epoch: Epoch) -> None:
        """Take note of an epoch; it may be the last one."""
        row = epoch.row()
        self._unwritten.append(row)
        if epoch.dynamics:
            self._unwritten_dynamics.append(epoch.dynamics)
        if not epoch.finite:
            self.end("diverged", f"NaN or infinity in epoch {epoch.number}")
            return
        self.last_row = row
        if self._boundary is not None and epoch.metrics:
            self._boundary.epoch_ended(epoch.number)
        self._end_if_due(self._observed(row))

    def go_on(self, restart: Restart) -> None:
        """Go on from there; what the folder has beyond it goes."""
        if restart.checkpoint:
            self.best_state = restart.restore(self.trainer, self.folder)
        restart.rewind(self.folder)
        if self._boundary is not None and restart.checkpoint:
            there = files.is_file(self.folder.boundary.path)
            rows = self.folder.boundary.read()["epoch"] if there else [-1]  # a fork has none yet
            self._boundary.go_on(int(rows[-1]))
        # The observers see what they saw before: None where nothing was evaluated.
        reason = None
        columns = restart.columns
        for cells in zip(*columns.values(), strict=True):
            row = dict(zip(columns, cells, strict=True))
            self.last_row = {k: None if math.isnan(v) else v for k, v in row.items()}
            reason = self._observed(self.last_row)
        self._end_if_due(reason)

    def checkpoint_due(self, now: bool) -> bool:
        """Whether to write a checkpoint: after so many epochs, or `now` where no number is set."""
        every = self.spec.training.checkpoint_every
        return now if every is None else self.trainer.finished % every == 0

    def write_rows(self) -> None:
        """Append what is new to metrics.csv and what lies beside it."""
        if self._boundary is not None:
            self.folder.boundary.append(*self._boundary.unwritten)
            self._boundary.unwritten.clear()
        self.folder.dynamics.append(*self._unwritten_dynamics)
        self._unwritten_dynamics.clear()
        self.folder.append_metrics(*self._unwritten)
        self._unwritten.clear()
        self._written = time.perf_counter()

    def write_rows_now_and_then(self) -> None:
        """The same, some rows at a time: an epoch may take less than writing its row."""
        if time.perf_counter() - self._written > ROWS_SECONDS:
            self.write_rows()

    def state(self) -> State:
        """All that this run needs to go on from here, its best weights included."""
        return whole_state(self.trainer, self.best_state)

    def save_checkpoints(self) -> None:
        """Write the present state and the best one; metrics.csv is never behind them."""
        self.write_rows()
        self._save_best()
        self.folder.save_last(*self.state())

    def _force_rows(self) -> None:
        """Without a checkpoint that does: the record is going to stand for them."""
        self.write_rows()
        self.folder.force_rows()

    def _save_best(self) -> None:
        if self.best_state is not None and self.best_state is not self._saved_best:
            self.folder.save_checkpoint("best", *self.best_state)
            self._saved_best = self.best_state

    def end(self, status: str, reason: str | None = None) -> None:
        """Write what the run leaves behind; `close`, which says so, is left to the caller."""
        self.status, self.reason = status, reason
        if status == "done" and self._boundary is not None:
            self._boundary.look(self.trainer.finished)
        if status == "diverged":
            # The present weights are worthless: the best ones are kept, and last as it was.
            self._force_rows()
            if self.best_state is not None:
                self._save_best()
                self.record.weights = "best"
        elif self.trainer.between_epochs:
            self.save_checkpoints()
        else:
            self._force_rows()
        row = self.last_row
        if status == "done" and self._restores_best():
            self.record.weights, row = "best", self.best.row
        self.record.final = {k: v for k, v in row.items() if is_of_a_part(k)}
        if self.best.value is not None:
            self.record.best = {"metric": self.best.metric, **self.best.row}
        if status == "done":
            arrays = predictions(self.spec, self.data, self._trained_network())
            self.folder.write_predictions(arrays)
            found = measures(self.experiment, arrays)
            self.record.measures = {k: v for k, v in found.items() if k not in row}

    def close(self) -> None:
        """Write down how it stands; what else it leaves behind is on the disk by now."""
        epoch = int(self.last_row.get("epoch") or 0)
        if self.status == "diverged":
            epoch = self.trainer.finished
        drawing = self.figures_missing and self.status in ENDED
        self.record = replace(
            self.record,
            status="running" if drawing else self.status,
            drawing=self.status if drawing else None,
            reason=self.reason,
            epochs=epoch,
            steps=epoch * len(self.trainer.batches),
            train_seconds=self.trainer.train_seconds,
            seconds=time.perf_counter() - self._clock,
            ended=now(),
            **self.folder.marks(),
        )
        self.folder.write_record(self.record)

    def _end_if_due(self, reason: str | None) -> None:
        """After an epoch, for which the observers gave the reason to stop, if they have one."""
        finished = self.trainer.finished
        if reason or finished == self.trainer.epochs:
            self.end("done", reason)
        elif self.until and finished >= self.until:
            self.end(STOPPED, f"at a rung of its search, after {plural(finished, 'epoch')}")

    def _observed(self, row: Row) -> str | None:
        """Show a row to all observers; returns a reason to stop, if one has one."""
        reasons = [observer(row) for observer in self._observers]
        return next((text for text in reasons if text), None)

    def _keep_best(self, row: Row) -> None:
        if row["epoch"] != self.trainer.finished:
            return  # of an epoch before a restore
        self.best_state = self.trainer.weights(), {"finished": self.trainer.finished}

    def _restores_best(self) -> bool:
        stopping = self.spec.training.early_stopping
        return stopping is not None and stopping.restore_best and self.best_state is not None

    def _trained_network(self) -> Sequential:
        """The network with the weights that count: it trains no further."""
        if self.record.weights == "best" and self.best_state is not None:
            weights = self.best_state[0]
        else:
            weights = self.trainer.weights()
        network = self.experiment.network
        set_weights(network, self.trainer.optimizer.flat, weights)
        return network


def whole_state(trainer: Trainer, best: State | None) -> State:
    """A training's state with the best weights so far, as a checkpoint holds it."""
    tensors, state = trainer.state()
    state = {**state, "best": best and best[1]}
    if best and best[1]["finished"] != trainer.finished:
        tensors = {**tensors, **{f"{BEST}{name}": values for name, values in best[0].items()}}
    return tensors, state


def best_of(spec: Spec) -> Best:
    """The best of all rows: `min_delta` decides when to stop, never which weights are best."""
    return Best(spec.selection_metric)
