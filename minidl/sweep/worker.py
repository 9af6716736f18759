"""A worker trains members of a sweep side by side, each into its own folder."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from minidl.build import build
from minidl.engine import PlainEngine
from minidl.errors import DamagedError, MinidlError, RunError, WriteError
from minidl.runs.begin import Beginning
from minidl.runs.drive import Driver, Ending
from minidl.runs.member import MemberRun
from minidl.runs.record import goes_on
from minidl.runs.restart import Restart
from minidl.spec import Member
from minidl.store.forcing import forced_together
from minidl.store.run_folder import is_run
from minidl.sweep.folder import SweepFolder
from minidl.sweep.queue import Queue, Turn
from minidl.sweep.work import Datasets
from minidl.train.lanes import Lanes
from minidl.train.stopping import Best

EVENT_SECONDS = 0.25  # between two times that a worker tells how its members stand
# What tells which of a sweep's members is the best so far, whatever losses they train with.
COMPARABLE = ("accuracy", "mse")


@dataclass(frozen=True)
class News:
    """A member's status. `died`: its process died, whatever the cause."""

    name: str
    status: str
    epoch: int = 0
    epochs: int = 1
    metric: str = ""  # which says what is best
    best: float | None = None
    error: str = ""
    died: bool = False

    @classmethod
    def of(cls, run: MemberRun, best: Best) -> News:
        """How a run stands."""
        finished = run.trainer.finished
        return cls(run.name, run.status, finished, run.epochs, best.metric, best.value)

    @property
    def stopped(self) -> bool:
        """Whether it is no longer at work."""
        return self.status != "running"

    @property
    def has_ended(self) -> bool:
        """Whether it is going to stay as it is."""
        return self.status not in ("running", "interrupted")


Tell = Callable[[Sequence[News]], None]


class Worker(Driver):
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
        super().__init__(ending)
        self.folder, self.command = SweepFolder(folder), command
        self.queue, self.datasets, self.tell = queue, datasets, tell
        self.turn: Turn  # the present one
        self._waiting: deque[Member]  # in it
        self._held: contextlib.ExitStack  # while it lasts
        self._members: dict[MemberRun, tuple[Member, Best]] = {}
        self._told = 0.0

    def run(self) -> None:
        """Train until nothing waits, or all are told to end. Raises what the disk does."""
        while not self.ending.requested and (turn := self.queue.next()):
            self.lanes, self.turn, self._waiting = None, turn, deque(turn.members)
            with contextlib.ExitStack() as self._held:
                try:
                    self.train()
                except Exception as error:
                    self._lanes_failed(turn, error)

    def together(self) -> AbstractContextManager[None]:
        return forced_together()

    # Members come.

    def fill(self) -> None:
        """Give lanes to those that wait, as far as there are any."""
        turn, waiting = self.turn, self._waiting
        while self._has_room(turn) and not self.ending.requested:
            member = waiting.popleft() if waiting else None
            if member is None and self.running and not turn.single:
                member = self.queue.more(turn.kind)
            if member is None:
                break
            self._begin(member, turn)
        self.queue.give_back(turn.kind, waiting)
        waiting.clear()

    def _has_room(self, turn: Turn) -> bool:
        return self.lanes is None or len(self.running) < min(turn.kind.lanes, self.lanes.width)

    def _begin(self, member: Member, turn: Turn) -> None:
        try:
            data = self.datasets.of(member.spec)
            experiment = build(member.spec, data)
            programs = turn.kind.programs(experiment.trainer, single=turn.single)
            if self.ending.requested:  # told to end meanwhile: no folder is made
                return
            if self.lanes is None:
                if isinstance(programs.engine, PlainEngine):
                    self._held.enter_context(turn.kind.in_turn)
                self.lanes = Lanes(experiment.trainer, stop=self.ending, programs=programs)
            if (shapes := experiment.trainer.shapes()) != self.lanes.shapes:
                self.queue.apart(turn.kind, member, shapes)
                return
            has = experiment.trainer.evaluator.metrics
            name = next((name for name in COMPARABLE if name in has), "loss")
            best = Best(f"{member.spec.data.selection_part}_{name}")
            begun = Beginning.of(member.spec, data, experiment, self.folder.run(member).path)
            run = self._open(member, begun, programs.engine.description, best)
            self.put(run)
            self._members[run] = member, best
        except Exception as error:
            self._fails(member, error)

    def _open(self, member: Member, begun: Beginning, engine: str, best: Best) -> MemberRun:
        """The member's run, new or where its own checkpoint left it."""
        folder = self.folder.run(member)
        record = begun.record(engine, self.command)
        record = replace(record, sweep=member.values, trial=member.trial)
        restart = Restart.find(folder) if is_run(folder.path) else Restart()
        if not restart.checkpoint:
            return begun.run(
                *(folder.path, record),
                observers=[best],
                until=member.until,
                overwrite=True,
                tidy=False,
            )
        with contextlib.suppress(DamagedError):  # a damaged record is made anew
            record = goes_on(folder.read_record(), record)
        begun.renew_config(folder)
        run = begun.run(folder.path, record, restart, observers=[best], until=member.until)
        self.folder.forget_error(member)
        return run

    # Members train, and go.

    def epoch_ended(self) -> None:
        """Tell now and then how they stand."""
        if time.perf_counter() - self._told > EVENT_SECONDS:
            self._told = time.perf_counter()
            self.tell([News.of(run, self._members[run][1]) for run in self.running.values()])

    def ended(self, runs: Sequence[MemberRun]) -> None:
        """Tell how they stand."""
        self.tell([News.of(run, self._members.pop(run)[1]) for run in runs])

    # What fails.

    def failed(self, run: MemberRun, error: Exception) -> None:
        """The others go on."""
        with contextlib.suppress(RunError):
            run.write_rows()
        self._fails(self._members.pop(run)[0], error)

    def _fails(self, member: Member, error: Exception) -> None:
        """Note why. Raises WriteError where that can't be written."""
        text = _in_words(error)
        self.folder.write_error(member, text)
        self.tell([News(member.name, "failed", error=text)])

    def _lanes_failed(self, turn: Turn, error: Exception) -> None:
        """All in the lanes did. Each is tried alone, since it may be one that fails the others."""
        left = list(self.running.values())
        self.running.clear()
        if self.ending.at_once:
            return
        if turn.single or isinstance(error, WriteError) or self.ending.requested:
            for run in left:
                self.failed(run, error)
        else:
            self.queue.again(turn.kind, [self._members.pop(run)[0] for run in left])


def _in_words(error: Exception) -> str:
    """A message for the user, or the trace of a mistake."""
    if isinstance(error, MinidlError):
        return str(error)
    return "".join(traceback.format_exception(error))
