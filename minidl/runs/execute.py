"""One run from its spec to its folder: data → built objects → training → files → plots."""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from minidl.build import prepare
from minidl.errors import DamageWarning, RestartWarning, RunError, WriteError
from minidl.nn.threads import use_threads
from minidl.runs.begin import Beginning
from minidl.runs.drive import Driver, Ending
from minidl.runs.member import MemberRun
from minidl.runs.record import goes_on, refuse_another_origin
from minidl.runs.restart import Restart
from minidl.signals import Stopped, orderly_end
from minidl.spec import Spec, load_spec
from minidl.store import files, folders
from minidl.store.leases import revoke_all
from minidl.store.locks import locked
from minidl.store.run_folder import RunFolder, is_sweep, resume_command, run_path
from minidl.store.run_record import ENDED
from minidl.train.lanes import Lanes
from minidl.train.stopping import Observer
from minidl.train.trainer import Trainer

Started = Callable[[RunFolder, Trainer], None]


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
    started: Started = lambda folder, trainer: None,
) -> Outcome:
    """Train as the spec says and leave a complete run folder.

    Nothing is written before data and network are built. `observers` see each row of metrics.csv
    and may return a reason to stop. Raises ConfigError, DataError and RunError.
    """
    clock = time.perf_counter()
    begun = Beginning.of(spec, *prepare(spec), folder=runs_dir / spec.name)
    path = run_path(runs_dir, stem=begun.spec.name, config_text=begun.text, name=name)
    with use_threads(threads), _heard() as ending, locked(path):
        lanes = Lanes(begun.experiment.trainer, stop=ending)
        record = begun.record(lanes.engine.description, command)
        record.seconds = time.perf_counter() - clock
        run = begun.run(path, record, observers=observers, overwrite=overwrite)
        return _train(run, lanes, ending, started)


def resume(
    path: Path,
    *,
    force: bool = False,
    threads: int | None = None,
    observers: Sequence[Observer] = (),
    started: Started = lambda folder, trainer: None,
) -> Outcome:
    """Go on with a run that was killed or interrupted, from its newest sound checkpoint.

    It ends as if it had never stopped. Without `threads` it goes on with as many as before. Raises
    RunError for a run that has ended, one that another process works on, and, without `force`, one
    that began where results come out differently.
    """
    folder = RunFolder.open(path)
    folders.refuse_links(path)
    with _sweep_locked(path), locked(path):
        before = folder.read_record()
        if before.status in ENDED:
            raise RunError(f"{path}: nothing to resume: the run has ended ({before.status})")
        folder.check_config(before)
        spec = load_spec(folder.config_path)
        text = files.read_sound(folder.config_path).decode()
        restart = _restart(folder)
        begun = Beginning(spec, text, *prepare(spec, goes_on=bool(restart.checkpoint)))
        with use_threads(threads or before.threads or 1), _heard() as ending:
            lanes = Lanes(begun.experiment.trainer, stop=ending)
            here = begun.record(lanes.engine.description)
            if not force:
                refuse_another_origin(path, before, here, what="a run", way_on="resume --force")
            run = begun.run(path, goes_on(before, here), restart, observers=observers)
            return _train(run, lanes, ending, started)


def _restart(folder: RunFolder) -> Restart:
    """Where a run goes on. Warns where a file is damaged, and where there is no checkpoint yet."""
    restart = Restart.find(folder)
    if restart.damage:
        warnings.warn(str(restart), DamageWarning, stacklevel=3)
    elif not restart.checkpoint:
        what = "was stopped before its first checkpoint: training starts from the beginning"
        warnings.warn(f"{folder.path}: {what}", RestartWarning, stacklevel=3)
    return restart


@contextlib.contextmanager
def _sweep_locked(path: Path) -> Iterator[None]:
    """Keep a sweep from working on a run of its own meanwhile, and what it left on a cluster."""
    above = Path(os.path.realpath(path)).parent
    if not is_sweep(above):
        yield
        return
    with locked(above):
        revoke_all(above)
        yield


class _Ending(Ending):
    """What a first signal does: training stops at the end of its epoch, drawing at once."""

    drawing = False

    def request(self) -> None:
        if self.drawing and self.received.signal:
            raise Stopped(self.received.signal)
        super().request()

    def draw(self, folder: RunFolder) -> None:
        """Draw a run's figures. Raises Stopped at a signal, also one that came before."""
        from minidl.report.figures.plots import draw_run

        self.drawing = True
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
            self.drawing = False


@contextlib.contextmanager
def _heard() -> Iterator[_Ending]:
    """An ending that signals ask for."""
    ending = _Ending()
    with orderly_end(ending.request) as ending.received:
        yield ending


def _train(run: MemberRun, lanes: Lanes, ending: _Ending, started: Started) -> Outcome:
    """All that a run does once it has begun: its epochs, then its figures."""
    run.figures_missing = True
    started(run.folder, run.trainer)
    try:
        with _failure_recorded(run):
            driver = Driver(ending, lanes)
            driver.put(run)
            driver.train()
            if run.status != "interrupted":
                _draw(run, ending)
    except Stopped as stopped:  # written down as it stands
        return Outcome(run, stopped.exit_code)
    if run.status == "interrupted":
        return Outcome(run, ending.received.exit_code)
    return Outcome(run, 0 if run.status == "done" else 1)


def _draw(run: MemberRun, ending: _Ending) -> None:
    """The figures, which show what the record says, are the last that a run needs to have ended."""
    try:
        ending.draw(run.folder)
        run.figures_missing = False
    except Stopped as stopped:
        run.status, run.reason = "interrupted", str(stopped)
    run.close()


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
            error.args = (f"{error}; once that is fixed, `{go_on}` goes on",)
        for last_words in (run.write_rows, run.close):
            with contextlib.suppress(RunError):  # the disk may be what failed
                last_words()
        raise
