"""One run from its spec to its folder: data → built objects → training → files → plots."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minidl.build import Experiment, prepare
from minidl.errors import RunError, WriteError
from minidl.runs.member import MemberRun
from minidl.runs.record import differences, first_record, provenance, resolved
from minidl.signals import Stopped, orderly_end
from minidl.spec import Spec, dump, load_spec
from minidl.store import folders
from minidl.store.locks import locked
from minidl.store.run_folder import RunFolder, is_sweep, resume_command, run_path
from minidl.train.stopping import Observer
from minidl.train.threads import use_threads
from minidl.train.trainer import Trainer

# Without `checkpoint_every`, a checkpoint is written about this often, in seconds.
CHECKPOINT_SECONDS = 10.0


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `run.status` is done, diverged or interrupted."""

    run: MemberRun
    exit_code: int


def execute(
    spec: Spec,
    *,
    runs_dir: Path,
    name: str | None = None,
    overwrite: bool = False,
    threads: int = 1,
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
    text = dump(spec)
    path = run_path(runs_dir, stem=spec.name, config_text=text, name=name)
    with use_threads(threads), _Stop(experiment.trainer) as stop, locked(path):
        record = first_record(spec, data, experiment, command, _engine(experiment))
        record["seconds"] = time.perf_counter() - clock
        folder = RunFolder.create_at(path, config_text=text, record=record, overwrite=overwrite)
        run = MemberRun(spec, data, experiment, folder, record, observers=observers)
        run.figures_missing = True
        started(folder, experiment.trainer)
        return _train(run, stop)


def resume(
    path: Path,
    *,
    force: bool = False,
    threads: int | None = None,
    observers: Sequence[Observer] = (),
    started: Callable[[RunFolder, Trainer], None] = lambda folder, trainer: None,
) -> Outcome:
    """Go on with a run that was killed or interrupted, from its newest sound checkpoint.

    It ends as if it had never stopped. Without `threads` it goes on with as many as before. Raises
    RunError for a run that has ended, one that another process works on, and, without `force`, one
    that began where results come out differently.
    """
    folder = RunFolder.open(path)
    folders.refuse_links(path)
    with _sweep_locked(path), locked(path):
        record = folder.read_record()
        if record.get("status") in ("done", "diverged"):
            raise RunError(f"{path}: nothing to resume: the run has ended ({record['status']})")
        folder.check_config(record)
        spec = load_spec(folder.config_path)
        data, experiment = prepare(spec)
        with (
            use_threads(threads or record.get("threads") or 1),
            _Stop(experiment.trainer) as stop,
        ):
            known = {key: value for key, value in record.items() if value is not None}
            engine = _engine(experiment)
            record = first_record(spec, data, experiment, (), engine) | known
            record = _as_before(record, provenance(experiment.device, engine), path, force)
            run = MemberRun(spec, data, experiment, folder, record, observers=observers)
            run.figures_missing = True
            folder.write_record(record)
            run.restore()
            started(folder, experiment.trainer)
            return _train(run, stop)


def _engine(experiment: Experiment) -> str:
    """What is going to train it, ready to."""
    return experiment.trainer.alone.engine.description


def _sweep_locked(path: Path) -> AbstractContextManager[None]:
    """Keep a sweep from working on a run of its own meanwhile."""
    above = Path(os.path.realpath(path)).parent
    return locked(above) if is_sweep(above) else contextlib.nullcontext()


def _as_before(
    record: dict[str, Any], here: dict[str, Any], path: Path, force: bool
) -> dict[str, Any]:
    """The record of a run that goes on. RunError if results would not be exact, unless forced."""
    record = {key: value for key, value in record.items() if key != "metrics"}
    if other := differences(record, here):
        if not force:
            raise RunError(
                f"{path}: began with {'; '.join(other)}: results would not be exactly those of a "
                "run that never stopped (resume --force goes on all the same)"
            )
        record |= {**here, "forced": [*record.get("forced", ()), *other]}
    return {**record, "status": "running"}


class _Stop:
    """What a first signal does: training stops at the end of its epoch, drawing at once."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer, self._drawing = trainer, False
        self._listening = orderly_end(self._requested)

    def __enter__(self) -> _Stop:
        self.received = self._listening.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._listening.__exit__(*error)

    def draw(self, folder: RunFolder) -> None:
        """Draw a run's figures. Raises Stopped at a signal, also one that came before."""
        from minidl.report.figures.plots import draw_run

        self._drawing = True
        try:
            if self.received.signal:
                raise Stopped(self.received.signal)
            draw_run(folder)
        except Exception as error:
            # Modules that were being imported may have made an error of their own of Stopped.
            if self.received.signal:
                raise Stopped(self.received.signal) from error
            raise
        finally:
            self._drawing = False

    def _requested(self) -> None:
        if self._drawing and self.received.signal:
            raise Stopped(self.received.signal)
        self._trainer.request_stop()


def _train(run: MemberRun, stop: _Stop) -> Outcome:
    try:
        return _trained(run, stop)
    except Stopped as stopped:  # written down as it stands
        return Outcome(run, stopped.exit_code)


def _trained(run: MemberRun, stop: _Stop) -> Outcome:
    checkpoints = CheckpointClock(run.spec.training.checkpoint_every)
    with _failure_recorded(run):
        for epoch in run.trainer if run.running else ():
            run.epoch_ended(epoch)
            run.write_rows_now_and_then()
            if not run.running:
                break
            if checkpoints.due(epoch.number):
                run.save_checkpoints()
        if not run.running:
            return _drawn(run, stop)
        signal = stop.received.signal
        assert signal is not None  # nothing else ends a training before its time
        run.end("interrupted", f"by {signal.name}")
        run.close()
    return Outcome(run, stop.received.exit_code)


def _drawn(run: MemberRun, stop: _Stop) -> Outcome:
    """The figures are the last that a run needs to have ended."""
    run.close()  # they show what its record says
    try:
        stop.draw(run.folder)
    except Stopped as stopped:
        run.status, run.reason = "interrupted", str(stopped)
        run.close()
        return Outcome(run, stopped.exit_code)
    run.figures_missing = False
    run.close()
    return Outcome(run, 0 if run.status == "done" else 1)


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
def _failure_recorded(run: MemberRun) -> Iterator[None]:
    """Write down that a run failed, if it does."""
    try:
        yield
    except BaseException as error:
        run.status = "interrupted" if isinstance(error, KeyboardInterrupt | Stopped) else "failed"
        run.reason = str(error) or type(error).__name__
        if isinstance(error, WriteError):
            go_on = resume_command(run.folder.path)
            error.args = (f"{error}; once that is mended, `{go_on}` goes on",)
        for last_words in (run.write_rows, run.close):
            with contextlib.suppress(RunError):  # the disk may be what failed
                last_words()
        raise
