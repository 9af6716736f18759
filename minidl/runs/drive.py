"""Runs while they train: side by side in lanes, or one alone, each into its own folder."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial

from minidl.runs.member import MemberRun
from minidl.signals import Received
from minidl.train.lanes import Lanes
from minidl.train.stop import Stop
from minidl.train.trainer import Trainer

# Without `checkpoint_every`, a checkpoint is written about this often, in seconds.
CHECKPOINT_SECONDS = 10.0


class Ending(Stop):
    """A request to end soon and in good order, or at once; `request` is what a signal calls."""

    def __init__(self) -> None:
        super().__init__()
        self.received = Received()
        self.at_once = False  # nothing more is to be written

    def request_at_once(self) -> None:
        """Leave all as it lies."""
        self.at_once = True
        self.patience = 0.0
        self.request()

    @property
    def reason(self) -> str:
        """As a run's record says it."""
        return f"by {self.received.signal.name}" if self.received.signal else "another run failed"


class Driver:
    """Trains the runs that are `put` into its lanes until all have ended, or until `ending`.

    Whoever has more than one run says in a subclass who comes next, and what is done about those
    that go.
    """

    def __init__(self, ending: Ending, lanes: Lanes | None = None) -> None:
        self.ending, self.lanes = ending, lanes
        self.running: dict[Trainer, MemberRun] = {}
        self._saved = time.perf_counter()

    # What a subclass says.

    def fill(self) -> None:
        """Put what waits into free lanes."""

    def epoch_ended(self) -> None:
        """All have trained an epoch, and what it came to is written."""

    def ended(self, runs: Sequence[MemberRun]) -> None:
        """These have left their lanes, and their records say how they stand."""

    def failed(self, run: MemberRun, error: Exception) -> None:
        """This one has left its lane, since it can't go on."""
        raise error

    def together(self) -> AbstractContextManager[None]:
        """What is written inside may be forced to the disk at the end."""
        return contextlib.nullcontext()

    # What all do.

    def put(self, run: MemberRun) -> None:
        """Give a run a free lane; one that has ended needs none."""
        if run.running and self.lanes:
            self.lanes.put(run.trainer)
        self.running[run.trainer] = run

    def train(self) -> None:
        """Epoch after epoch. A run that is stopped leaves a checkpoint from which it goes on."""
        while True:
            with self.together():
                self.fill()
            self._leave([run for run in self.running.values() if not run.running])
            if self.lanes is None or self.ending.requested or not self.running:
                break
            self._train_epoch(self.lanes)
        if not self.ending.at_once:
            self._interrupt()

    def _train_epoch(self, lanes: Lanes) -> None:
        epochs = lanes.train_epoch()
        if self.ending.at_once:
            return
        runs = [self.running[trainer] for trainer, _ in epochs]
        with self.together():
            for run, (_, epoch) in zip(runs, epochs, strict=True):
                self._write(run, partial(run.epoch_ended, epoch), run.write_rows_now_and_then)
        self._leave([run for run in runs if not run.running])
        self._save([run for run in runs if run.trainer in self.running])
        self.epoch_ended()

    def _save(self, runs: Sequence[MemberRun]) -> None:
        """Write the checkpoints that are due, after so many epochs or as the clock says."""
        now = time.perf_counter() - self._saved >= CHECKPOINT_SECONDS
        if now and runs:
            self._saved = time.perf_counter()
        due = [run for run in runs if run.checkpoint_due(now)]
        if not due:
            return
        with self.together():  # a checkpoint stands for rows, which are on the disk before it
            for run in due:
                self._write(run, run.write_rows, run.folder.force_rows)
        with self.together():
            for run in due:
                self._write(run, run.save_checkpoints)

    def _leave(self, runs: Sequence[MemberRun]) -> None:
        """Write down how they stand, once all that they leave behind is on the disk."""
        if not runs:
            return
        with self.together():
            for run in runs:
                self._write(run, run.close)
        left = [run for run in runs if self.running.get(run.trainer) is run]
        for run in left:
            self._remove(run)
        if left:
            self.ended(left)

    def _interrupt(self) -> None:
        runs = list(self.running.values())
        with self.together():
            for run in runs:
                self._write(run, partial(run.end, "interrupted", self.ending.reason))
        self._leave(runs)

    def _remove(self, run: MemberRun) -> None:
        """Take it out of its lane."""
        del self.running[run.trainer]
        if self.lanes is not None and run.trainer in self.lanes.trainers:
            self.lanes.remove(run.trainer)

    def _write(self, run: MemberRun, *steps: Callable[[], None]) -> None:
        """What a run writes; where that fails, it alone does."""
        if run.trainer not in self.running:
            return
        try:
            for step in steps:
                step()
        except Exception as error:
            self._remove(run)
            self.failed(run, error)
