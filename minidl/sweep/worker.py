"""A worker trains members of a sweep side by side, each into its own folder."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from minidl.build import Experiment, build
from minidl.data import Dataset
from minidl.engine import PlainEngine
from minidl.errors import DamagedError, MinidlError, RunError, WriteError
from minidl.runs.execute import CheckpointClock
from minidl.runs.member import MemberRun
from minidl.runs.record import first_record, goes_on, resolved
from minidl.runs.restart import Restart
from minidl.signals import Received
from minidl.spec import Member, dump
from minidl.store import files
from minidl.store.files import forced_together
from minidl.store.run_folder import RunFolder, is_run
from minidl.store.run_record import RunRecord
from minidl.sweep.folder import SweepFolder
from minidl.sweep.queue import Queue, Turn
from minidl.sweep.work import Datasets
from minidl.train.lanes import Lanes, Programs
from minidl.train.stopping import Best
from minidl.train.trainer import Epoch, Stop, Trainer

EVENT_SECONDS = 0.25  # between two times that a worker tells how its members stand
# What tells which of a sweep's members is the best so far, whatever losses they train with.
COMPARABLE = ("accuracy", "mse")


@dataclass(frozen=True)
class News:
    """How a member stands. `died`: with its process, whoever killed that."""

    name: str
    status: str
    epoch: int = 0
    epochs: int = 1
    metric: str = ""  # which says what is best
    best: float | None = None
    error: str = ""
    died: bool = False

    @property
    def stopped(self) -> bool:
        """Whether it is no longer at work."""
        return self.status != "running"

    @property
    def has_ended(self) -> bool:
        """Whether it is going to stay as it is."""
        return self.status not in ("running", "interrupted")


Tell = Callable[[Sequence[News]], None]


class Ending:
    """Tells all workers of a process to end: soon and in good order, or at once."""

    def __init__(self) -> None:
        self.stop, self.received = Stop(), Received()
        self.at_once = False  # nothing more is to be written

    def request(self) -> None:
        """In good order; safe to call from a signal handler."""
        self.stop.request()

    def request_at_once(self) -> None:
        """Leave all as it lies."""
        self.at_once = True
        self.stop.patience = 0.0
        self.stop.request()

    @property
    def reason(self) -> str:
        """As a run's record says it."""
        return f"by {self.received.signal.name}" if self.received.signal else "another run failed"


class _Running:
    """A member in its lane."""

    def __init__(self, member: Member, run: MemberRun, best: Best) -> None:
        self.member, self.run, self.best = member, run, best
        self.checkpoint_every = member.spec.training.checkpoint_every

    def is_due(self, now: bool) -> bool:
        """Whether to write its checkpoint: after its number of epochs, or as the clock says."""
        every = self.checkpoint_every
        return now if every is None else self.run.trainer.finished % every == 0

    def news(self) -> News:
        """How it stands."""
        trainer = self.run.trainer
        return News(
            self.member.name,
            self.run.status,
            trainer.finished,
            trainer.epochs,
            self.best.metric,
            self.best.value,
        )


class Worker:
    """Trains what waits in a queue, as much at a time as it has lanes for."""

    def __init__(
        self,
        folder: Path,
        command: Sequence[str],
        queue: Queue,
        datasets: Datasets,
        ending: Ending,
        tell: Tell,
    ) -> None:
        self.folder, self.command = SweepFolder(folder), command
        self.queue, self.datasets, self.ending, self.tell = queue, datasets, ending, tell
        self._lanes: Lanes | None = None
        self._running: dict[Trainer, _Running] = {}
        self._checkpoints = CheckpointClock(None)
        self._told = 0.0

    def run(self) -> None:
        """Train until nothing waits, or all are told to end. Raises what the disk does."""
        while not self.ending.stop.requested and (turn := self.queue.next()):
            self._lanes = None
            with contextlib.ExitStack() as held:
                self._train(turn, held)

    def _train(self, turn: Turn, held: contextlib.ExitStack) -> None:
        waiting = deque(turn.members)
        try:
            while True:
                with forced_together():
                    self._fill(turn, waiting, held)
                self._leave([one for one in self._running.values() if not one.run.running])
                if self.ending.stop.requested or not self._running:
                    break
                self._train_epoch()
            if not self.ending.at_once:
                self._interrupt()
        except Exception as error:
            self._lanes_failed(turn, error)

    # Members come.

    def _fill(self, turn: Turn, waiting: deque[Member], held: contextlib.ExitStack) -> None:
        """Give lanes to those that wait, as far as there are any."""
        while self._has_room(turn) and not self.ending.stop.requested:
            member = waiting.popleft() if waiting else None
            if member is None and self._running and not turn.single:
                member = self.queue.more(turn.kind)
            if member is None:
                break
            self._begin(member, turn, held)
        self.queue.give_back(turn.kind, waiting)
        waiting.clear()

    def _has_room(self, turn: Turn) -> bool:
        return self._lanes is None or len(self._running) < min(turn.kind.lanes, self._lanes.width)

    def _begin(self, member: Member, turn: Turn, held: contextlib.ExitStack) -> None:
        try:
            data = self.datasets.of(member.spec)
            experiment = build(member.spec, data)
            programs = turn.kind.programs(experiment.trainer, single=turn.single)
            if self.ending.stop.requested:  # meanwhile: its folder had better not be there
                return
            if self._lanes is None:
                if isinstance(programs.engine, PlainEngine):
                    held.enter_context(turn.kind.in_turn)
                self._lanes = Lanes(experiment.trainer, stop=self.ending.stop, programs=programs)
            begun = self._open(member, data, experiment, programs)
            if begun.run.running:
                self._lanes.put(begun.run.trainer)
            self._running[begun.run.trainer] = begun
        except Exception as error:
            self._failed(member, error)

    def _open(
        self, member: Member, data: Dataset, experiment: Experiment, programs: Programs
    ) -> _Running:
        """The member's run, new or where its own checkpoint left it."""
        spec = resolved(member.spec, data, experiment.device)
        text = dump(spec)
        description = programs.engine.description
        record = first_record(spec, data, experiment, self.command, description, text)
        record.sweep = member.values
        folder = self.folder.run(member)
        restart = Restart.find(folder) if is_run(folder.path) else Restart()
        if restart.checkpoint:
            record = _brought_up_to_date(folder, record, text)
            self.folder.forget_error(member)
        else:
            RunFolder.create_at(
                folder.path, config_text=text, record=record, overwrite=True, tidy=False
            )
        has = experiment.trainer.evaluator.metrics
        best = Best(f"test_{next((name for name in COMPARABLE if name in has), 'loss')}")
        run = MemberRun(spec, data, experiment, folder, record, observers=[best])
        if restart.checkpoint:
            run.go_on(restart)
        return _Running(member, run, best)

    # Members train.

    def _train_epoch(self) -> None:
        assert self._lanes is not None
        epochs = self._lanes.train_epoch()
        if self.ending.at_once:
            return
        with forced_together():
            ended = [one for each in epochs if (one := self._epoch_ended(*each))]
        if ended:
            self._leave(ended)
        if epochs:
            self._save([self._running[t] for t, _ in epochs if t in self._running])
        if time.perf_counter() - self._told > EVENT_SECONDS:
            self._told = time.perf_counter()
            self.tell([one.news() for one in self._running.values()])

    def _epoch_ended(self, trainer: Trainer, epoch: Epoch) -> _Running | None:
        """Let a member take note; returns it if it has ended."""
        one = self._running[trainer]
        try:
            one.run.epoch_ended(epoch)
            one.run.write_rows_now_and_then()
        except Exception as error:
            self._remove(one)
            self._failed(one.member, error, one.run)
            return None
        return None if one.run.running else one

    def _save(self, running: Sequence[_Running]) -> None:
        """Write the checkpoints that are due."""
        now = self._checkpoints.due(0)
        due = [one for one in running if one.is_due(now)]
        if not due:
            return
        with forced_together():  # a checkpoint stands for rows, which are on the disk before it
            for one in due:
                self._write(one, one.run.write_rows, one.run.folder.metrics.force)
        with forced_together():
            for one in due:
                self._write(one, one.run.save_checkpoints)

    # Members go.

    def _leave(self, ended: Sequence[_Running]) -> None:
        """Write down how they stand, once all that they leave behind is on the disk."""
        with forced_together():
            for one in ended:
                self._write(one, one.run.close)
        ended = [one for one in ended if self._running.get(one.run.trainer) is one]
        for one in ended:
            self._remove(one)
        if ended:
            self.tell([one.news() for one in ended])

    def _interrupt(self) -> None:
        """Leave a checkpoint from which each goes on."""
        running = list(self._running.values())
        with forced_together():
            for one in running:
                self._write(one, partial(one.run.end, "interrupted", self.ending.reason))
        self._leave([one for one in running if one.run.trainer in self._running])

    def _remove(self, one: _Running) -> None:
        """Take it out of its lane."""
        del self._running[one.run.trainer]
        if self._lanes is not None and one.run.trainer in self._lanes.trainers:
            self._lanes.remove(one.run.trainer)

    # What fails.

    def _write(self, one: _Running, *steps: Callable[[], None]) -> None:
        """What a member writes; where that fails, it alone does."""
        if one.run.trainer not in self._running:
            return
        try:
            for step in steps:
                step()
        except Exception as error:
            self._remove(one)
            self._failed(one.member, error, one.run)

    def _failed(self, member: Member, error: Exception, run: MemberRun | None = None) -> None:
        """Note why; the others go on. Raises WriteError where that can't be written."""
        if run is not None:
            with contextlib.suppress(RunError):
                run.write_rows()
        text = _in_words(error)
        self.folder.write_error(member, text)
        self.tell([News(member.name, "failed", error=text)])

    def _lanes_failed(self, turn: Turn, error: Exception) -> None:
        """All in the lanes did. Each is tried alone, since it may be one that fails the others."""
        left, self._running = list(self._running.values()), {}
        if self.ending.at_once:
            return
        if turn.single or isinstance(error, WriteError) or self.ending.stop.requested:
            for one in left:
                self._failed(one.member, error, one.run)
        else:
            self.queue.again(turn.kind, [one.member for one in left])


def _brought_up_to_date(folder: RunFolder, record: RunRecord, config: str) -> RunRecord:
    """Let record and config be what a member that goes on would have written."""
    with contextlib.suppress(DamagedError):  # a damaged record is made anew
        record = goes_on(folder.read_record(), record)
    try:
        same = files.read(folder.config_path) == config.encode()
    except OSError:
        same = False
    if not same:
        files.write_atomic(folder.config_path, config.encode())
    folder.write_record(record)
    return record


def _in_words(error: Exception) -> str:
    """A message for the user, or the trace of a mistake."""
    if isinstance(error, MinidlError):
        return str(error)
    return "".join(traceback.format_exception(error))
