"""One run from its spec to its folder: data → built objects → training → files → plots."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from minidl.build import Experiment, build, seed_of
from minidl.data import Dataset, load_dataset
from minidl.errors import DataError, RunError
from minidl.member import MemberRun, first_record, resolved
from minidl.runs import RunFolder, refuse_links
from minidl.seeds import generator
from minidl.signals import orderly_end
from minidl.spec import ArraysData, CsvData, Spec, dump, load_spec
from minidl.stopping import Observer
from minidl.threads import threads_for, use_threads
from minidl.train import Trainer

# Without `checkpoint_every`, a checkpoint is written about this often, in seconds.
CHECKPOINT_SECONDS = 10.0


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `run.status` is done, diverged or interrupted."""

    run: MemberRun
    exit_code: int


def prepare(spec: Spec) -> tuple[Dataset, Experiment]:
    """Read the data and build everything. Raises ConfigError and DataError; writes nothing."""
    data = read_data(spec)
    return data, build(spec, data)


def read_data(spec: Spec) -> Dataset:
    """The spec's data; DataError if a file is not the one whose hash the spec holds."""
    data = load_dataset(spec.data, generator(seed_of(spec, "data"), "data"))
    if isinstance(spec.data, CsvData | ArraysData):
        wanted = {spec.data.path: spec.data.sha256, spec.data.test_path: spec.data.test_sha256}
        for path, digest in wanted.items():
            if digest is not None and data.source_hashes[str(path)] != digest:
                raise DataError(
                    f"{path}: isn't the file that the config means: its SHA-256 differs"
                )
    return data


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
    and may return a reason to stop. Raises ConfigError, DataError and RunError.
    """
    clock = time.perf_counter()
    data, experiment = prepare(spec)
    spec = resolved(spec, data, experiment.device)
    with use_threads(threads_for(experiment.network, spec.training.batch_size)):
        folder = RunFolder.create(
            runs_dir, stem=spec.name, config_text=dump(spec), name=name, overwrite=overwrite
        )
        record = first_record(spec, data, experiment, command)
        folder.write_record(record)
        record["seconds"] = time.perf_counter() - clock
        run = MemberRun(spec, data, experiment, folder, record, observers=observers)
        started(folder, experiment.trainer)
        return _train(run)


def resume(
    path: Path,
    *,
    observers: Sequence[Observer] = (),
    started: Callable[[RunFolder, Trainer], None] = lambda folder, trainer: None,
) -> Outcome:
    """Go on with a run that was killed or interrupted, from its last checkpoint.

    It ends as if it had never stopped. Raises RunError for a run that has ended.
    """
    folder = RunFolder.open(path)
    refuse_links(path)
    record = folder.read_record()
    if folder.status in ("done", "diverged"):
        raise RunError(f"{path}: nothing to resume: the run has ended ({folder.status})")
    spec = load_spec(folder.config_path)
    data, experiment = prepare(spec)
    with use_threads(threads_for(experiment.network, spec.training.batch_size)):
        run = MemberRun(spec, data, experiment, folder, record, observers=observers)
        folder.write_record({**record, "status": "running"})
        run.restore()
        started(folder, experiment.trainer)
        return _train(run)


def _train(run: MemberRun) -> Outcome:
    checkpoints = CheckpointClock(run.spec.training.checkpoint_every)
    with orderly_end(run.trainer.request_stop) as received, _failure_recorded(run):
        for epoch in run.trainer if run.running else ():
            run.epoch_ended(epoch)
            run.write_rows()
            if not run.running:
                break
            if checkpoints.due(epoch.number):
                run.save_checkpoints()
        if run.running:
            assert received.signal is not None  # nothing else ends a training before its time
            run.end("interrupted", f"by {received.signal.name}")
            return Outcome(run, received.exit_code)
        _draw(run)
    return Outcome(run, 0 if run.status == "done" else 1)


def _draw(run: MemberRun) -> None:
    from minidl.report import draw_run

    draw_run(run.folder)
    run.close()  # once more, since `seconds` counts the plots too


class CheckpointClock:
    """Says when a checkpoint is due: every so many epochs, or every so many seconds."""

    def __init__(self, every: int | None) -> None:
        self.every, self._saved = every, time.perf_counter()

    def due(self, epoch: int) -> bool:
        """Whether to write one after this epoch."""
        if self.every is not None:
            return epoch % self.every == 0
        if time.perf_counter() - self._saved < CHECKPOINT_SECONDS:
            return False
        self._saved = time.perf_counter()
        return True


@contextlib.contextmanager
def _failure_recorded(run: MemberRun):  # type: ignore[no-untyped-def]  # see contextlib
    """Write down that a run failed, if it does."""
    try:
        yield
    except BaseException as error:
        run.status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        run.reason = str(error) or type(error).__name__
        with contextlib.suppress(RunError):  # the disk may be what failed
            run.close()
        raise
