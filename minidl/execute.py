"""One run from its spec to its folder: data → built objects → training → files → plots."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from torch import Tensor

from minidl.build import Experiment, build, seed_of
from minidl.data import Dataset, load_dataset
from minidl.errors import DataError
from minidl.predictions import predictions
from minidl.provenance import provenance
from minidl.runs import RunFolder
from minidl.seeds import generator
from minidl.signals import Received, orderly_end
from minidl.spec import ArraysData, CsvData, Spec, dump
from minidl.stopping import Best, EarlyStopping, Observer, Row, StopAt
from minidl.threads import threads_for, use_threads
from minidl.train import Trainer

# Without `checkpoint_every`, a checkpoint is written about this often, in seconds.
CHECKPOINT_SECONDS = 10.0


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    folder: RunFolder
    status: str  # done, diverged or interrupted
    record: dict[str, Any]
    exit_code: int


def prepare(spec: Spec) -> tuple[Dataset, Experiment]:
    """Read the data and build everything. Raises ConfigError and DataError; writes nothing."""
    data = load_dataset(spec.data, generator(seed_of(spec, "data"), "data"))
    _check_hashes(spec, data)
    return data, build(spec, data)


def execute(
    spec: Spec,
    *,
    runs_dir: Path,
    name: str | None = None,
    overwrite: bool = False,
    command: Sequence[str] = (),
    observers: Sequence[Observer] = (),
    started: Callable[[RunFolder, Trainer], None] = lambda folder, trainer: None,
) -> Outcome:
    """Train as the spec says and leave a complete run folder.

    Nothing is written before data and network are built. `observers` see each row of metrics.csv
    and may return a reason to stop.
    """
    clock = time.perf_counter()
    data, experiment = prepare(spec)
    resolved = _resolved(spec, data, experiment)
    with use_threads(threads_for(experiment.network, spec.training.batch_size)):
        folder = RunFolder.create(
            runs_dir, stem=spec.name, config_text=dump(resolved), name=name, overwrite=overwrite
        )
        record = _first_record(resolved, data, experiment, folder, command)
        folder.write_record(record)
        started(folder, experiment.trainer)
        run = _Run(spec, data, experiment, folder, record, clock)
        try:
            run.train(observers)
        except BaseException as error:
            run.close("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
            raise
    return run.outcome()


class _Run:
    """A training under way: what is written to its folder, and when."""

    def __init__(
        self,
        spec: Spec,
        data: Dataset,
        experiment: Experiment,
        folder: RunFolder,
        record: dict[str, Any],
        clock: float,
    ) -> None:
        self.spec, self.data, self.experiment = spec, data, experiment
        self.trainer, self.folder, self.record = experiment.trainer, folder, record
        self.clock = clock
        self.received = Received()
        self.best = self._best()
        self.best_state: tuple[dict[str, Tensor], dict[str, Any]] | None = None
        self.last_row: Row = {}
        self._saved = time.perf_counter()

    def train(self, observers: Sequence[Observer]) -> None:
        """Train to the end, whatever ends it, and write all that a run folder holds."""
        observers = [self.best, *self._stopping(), *observers]
        status, reason = "done", None
        with orderly_end(self.trainer.request_stop) as self.received:
            for epoch in self.trainer:
                row = epoch.row()
                self.folder.append_metrics(row)
                if not epoch.finite[0]:
                    status, reason = "diverged", f"NaN or infinity in epoch {epoch.number}"
                    break
                self.last_row = row
                reasons = [observer(row) for observer in observers]
                reason = next((text for text in reasons if text), None)
                self._save_checkpoints()
                if reason:
                    break
            if self.received.signal and self.trainer.finished < self.trainer.epochs:
                status, reason = "interrupted", f"by {self.received.signal.name}"
            self._finish(status, reason)

    def _finish(self, status: str, reason: str | None) -> None:
        self._save_checkpoints(now=status != "diverged")
        if self._restores_best(status):
            self._restore_best()
        if self.last_row:
            self.record |= {"final": self._final_metrics(status), "best": self._best_record()}
        self.record |= {"reason": reason}
        if status != "interrupted":
            arrays = predictions(self.spec, self.data, self.experiment)
            self.folder.write_predictions(arrays)
        self.close(status)
        if status != "interrupted":
            from minidl.report import draw_run

            draw_run(self.folder)
            self.close(status)  # once more, since `seconds` counts the plots too

    def close(self, status: str) -> None:
        """Write down how it stands."""
        self.record |= {
            "status": status,
            "epochs": self.trainer.finished,
            "steps": self.trainer.steps,
            "train_seconds": self.trainer.train_seconds,
            "seconds": time.perf_counter() - self.clock,
            "ended": _now(),
        }
        self.folder.write_record(self.record)

    def outcome(self) -> Outcome:
        """What to tell the caller."""
        status = self.record["status"]
        codes = {"done": 0, "interrupted": self.received.exit_code}
        return Outcome(self.folder, status, self.record, codes.get(status, 1))

    # The best epoch.

    def _best(self) -> Best:
        stopping = self.spec.training.early_stopping
        if stopping is None:
            return Best("test_loss", improved=self._keep)
        return Best(stopping.metric, min_delta=stopping.min_delta, improved=self._keep)

    def _keep(self, row: Row) -> None:
        self.best_state = self.trainer.state()

    def _restores_best(self, status: str) -> bool:
        stopping = self.spec.training.early_stopping
        wanted = stopping is not None and stopping.restore_best and status == "done"
        return wanted and self.best_state is not None

    def _restore_best(self) -> None:
        assert self.best_state is not None
        self.trainer.load_parameters(self.best_state[0])
        self.record["weights"] = "best"

    def _final_metrics(self, status: str) -> dict[str, Any]:
        row = self.best.row if self._restores_best(status) else self.last_row
        return {key: row[key] for key in row if key.startswith(("train_", "test_"))}

    def _best_record(self) -> dict[str, Any] | None:
        if self.best.value is None:
            return None
        return {"metric": self.best.metric, **self.best.row}

    def _stopping(self) -> list[Observer]:
        training = self.spec.training
        observers: list[Observer] = []
        if training.early_stopping:
            early = training.early_stopping
            observers.append(EarlyStopping(early.metric, early.patience, early.min_delta))
        if training.stop_at:
            observers.append(StopAt(training.stop_at.metric, training.stop_at.value))
        return observers

    # Checkpoints.

    def _save_checkpoints(self, *, now: bool = False) -> None:
        every = self.spec.training.checkpoint_every
        if every is not None:
            due = self.trainer.finished % every == 0
        else:
            due = time.perf_counter() - self._saved > CHECKPOINT_SECONDS
        if not (now or due) or not self.trainer.finished:
            return
        self.folder.save_checkpoint("last", *self.trainer.state())
        if self.best_state is not None:
            self.folder.save_checkpoint("best", *self.best_state)
        self._saved = time.perf_counter()


def _resolved(spec: Spec, data: Dataset, experiment: Experiment) -> Spec:
    """The spec with nothing left open: the device, and the files' hashes."""
    changes: dict[str, Any] = {"device": str(experiment.device)}
    if isinstance(spec.data, CsvData | ArraysData):
        hashes = {"sha256": data.source_hashes[str(spec.data.path)]}
        if spec.data.test_path is not None:
            hashes["test_sha256"] = data.source_hashes[str(spec.data.test_path)]
        changes["data"] = spec.data.model_copy(update=hashes)
    return spec.model_copy(update=changes)


def _check_hashes(spec: Spec, data: Dataset) -> None:
    if not isinstance(spec.data, CsvData | ArraysData):
        return
    wanted = {spec.data.path: spec.data.sha256, spec.data.test_path: spec.data.test_sha256}
    for path, digest in wanted.items():
        if digest is not None and data.source_hashes[str(path)] != digest:
            raise DataError(f"{path}: is not the file that the config names: its SHA-256 differs")


def _first_record(
    spec: Spec, data: Dataset, experiment: Experiment, folder: RunFolder, command: Sequence[str]
) -> dict[str, Any]:
    encoding = experiment.encoding
    decision = encoding.decision()
    if decision and spec.loss.type in ("cross_entropy", "bce_with_logits"):
        decision["logits"] = True
    return {
        "name": spec.name,
        "status": "running",
        "command": list(command),
        "seed": spec.seed,
        "task": data.task,
        "class_names": data.class_names,
        "feature_names": data.feature_names,
        "target_names": data.target_names,
        "input_shape": data.input_shape,
        "outputs": encoding.outputs,
        "decision": decision,
        "preprocessing": data.preprocessing.to_dict() if data.preprocessing else None,
        "parameters": experiment.trainer.optimizer.flat.size,
        "weights": "last",
        "started": _now(),
        **provenance(experiment.device),
    }


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
