"""Training one stack: members side by side as one tensor program, each into its own folder."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from minidl.beginning import first_record, resolved
from minidl.build import Experiment, build
from minidl.data import Dataset
from minidl.errors import DamagedError
from minidl.execute import CheckpointClock
from minidl.executors.base import Job
from minidl.files import forced_together
from minidl.member import MemberRun, State
from minidl.provenance import differences
from minidl.restart import Restart
from minidl.runs import RunFolder
from minidl.signals import Received, orderly_end
from minidl.spec import Member, Spec, dump
from minidl.stopping import Best
from minidl.sweep.folder import SweepFolder
from minidl.sweep.progress import Progress
from minidl.sweep.stack_state import StackState
from minidl.sweep.work import Datasets
from minidl.train import Trainer

EVENT_SECONDS = 0.25  # between two progress reports
# The others go on in a smaller stack once this share of the networks has ended.
SHRINK_AT = 0.5
# What tells which of a sweep's members is the best so far, whatever losses they train with.
COMPARABLE = ("accuracy", "mse")

Report = Callable[[Progress], None]

# What a resumed member keeps of its record.
_SINCE_THE_START = ("command", "started", "seconds", "stack")


@dataclass
class Ghost:
    """A member that has its result: its network trains along, as it did before the stack stopped.

    Without it the others would be in a smaller stack too early, and end in other last bits.
    """

    name: str
    spec: Spec
    data: Dataset
    experiment: Experiment
    network: int
    end: int  # the epoch of its own end

    @property
    def running(self) -> bool:
        """Whether it had not ended yet by now."""
        return self.experiment.trainer.finished < self.end

    def state_in_stack(self) -> State:
        """All that its network needs to go on."""
        return self.experiment.trainer.state(self.network)


class StackRun:
    """A job's members, trained together until each has ended.

    A member that diverges or stops early ends by itself; once half have, the others go on without
    them. A stack that has a checkpoint goes on from there. Raises what building raises, before
    anything is written.
    """

    def __init__(self, job: Job, folder: SweepFolder, report: Report) -> None:
        self.job, self.folder, self.report = job, folder, report
        self._reported = 0.0
        self._received = Received()
        datasets = Datasets()
        data = [datasets.of(member.spec) for member in job.members]
        self.experiment = build([member.spec for member in job.members], data)
        has = self.trainer.evaluator.metrics
        self._metric = f"test_{next((name for name in COMPARABLE if name in has), 'loss')}"
        self._best: dict[str, Best] = {}
        state = folder.load_stack(job.stack)
        with forced_together():
            # In the stack's order; those that leave it are dropped.
            self.networks = [
                self._open(member, own, place, state.networks[member.name] if state else None)
                for place, (member, own) in enumerate(zip(job.members, data, strict=True))
            ]
        self.runs = [one for one in self.networks if isinstance(one, MemberRun)]
        self._close(one for one in self.runs if not one.running)
        self._statuses: dict[str, str] = {}  # also of those that have left the stack

    def _open(
        self, member: Member, data: Dataset, place: int, state: State | None
    ) -> MemberRun | Ghost:
        """One network of the stack, new or where the stack's checkpoint left it."""
        if member.name in self.job.ghosts:
            if state is not None:
                Restart("stack", *state).restore(self.trainer, place, self.folder.run(member))
            return Ghost(
                member.name, member.spec, data, self.experiment, place, self._end_of(member)
            )
        spec = resolved(member.spec, data, self.experiment.device)
        record = first_record(spec, data, self.experiment, self.job.command)
        record |= {"sweep": member.values, "stack": self.trainer.networks}
        if state is None:
            folder = RunFolder.create(
                self.folder.path,
                stem=member.name,
                name=member.name,
                config_text=dump(spec),
                record=record,
                overwrite=True,
            )
        else:
            folder = self.folder.run(member)
            self.folder.forget_error(member)
            try:
                before = folder.read_record()
            except DamagedError:
                before = {}  # a damaged record is made anew
            record |= {key: before[key] for key in _SINCE_THE_START if key in before}
            if other := differences(before, record):
                record["forced"] = [*before.get("forced", ()), *other]
            folder.write_record(record)
        best = self._best[member.name] = Best(self._metric)
        run = MemberRun(
            spec, data, self.experiment, folder, record, network=place, observers=[best]
        )
        if state is not None:
            run.go_on(Restart.of(folder, *state))
        return run

    def _end_of(self, member: Member) -> int:
        """The epoch in which a ghost ended; one whose folder is gone never did."""
        try:
            return int(self.folder.run(member).read_record()["epochs"])
        except (DamagedError, KeyError, TypeError, ValueError):
            return member.spec.training.epochs

    @property
    def trainer(self) -> Trainer:
        return self.experiment.trainer

    def train(self) -> Literal["done", "interrupted"]:
        """Train all to their ends; returns "done", or "interrupted"."""
        checkpoints = CheckpointClock(self.runs[0].spec.training.checkpoint_every)
        with orderly_end(lambda: self.trainer.request_stop()) as self._received:
            while self._running() and not self._received.signal:
                if self._may_shrink():
                    self._shrink()
                self._train_until_some_leave(checkpoints)
            if self._received.signal:
                self._interrupt(self._received.signal)
        self._report_now()
        return "interrupted" if self._received.signal else "done"

    def _train_until_some_leave(self, checkpoints: CheckpointClock) -> None:
        for epoch in self.trainer:
            running = self._running()
            with forced_together():
                for run in running:
                    run.epoch_ended(epoch)
            self._close(run for run in running if not run.running)
            some_leave = not self._running() or self._may_shrink()
            if not some_leave and checkpoints.due(epoch.number):
                self._save()
            self._report_now_and_then()
            if some_leave:
                return

    def _running(self) -> list[MemberRun]:
        return [run for run in self.runs if run.running]

    def _may_shrink(self) -> bool:
        running = sum(one.running for one in self.networks)
        return running <= SHRINK_AT * self.trainer.networks

    def _shrink(self) -> None:
        """Go on with a stack of those that still run, each from where it stands.

        The checkpoint that follows says so. A stack that is resumed from one before it shrinks
        after the same epoch, since that follows from the epochs in which members ended.
        """
        running, before = [one for one in self.networks if one.running], self.trainer
        experiment = build([one.spec for one in running], [one.data for one in running])
        for place, one in enumerate(running):
            experiment.trainer.restore(place, *before.state(one.network))
        for place, one in enumerate(running):
            one.experiment, one.network = experiment, place
        self._note_statuses()
        # Whoever ended goes, since it would hold the memory of the stack as it was.
        self.networks, self.experiment = running, experiment
        self.runs = [one for one in running if isinstance(one, MemberRun)]
        if self._received.signal:  # it came before this trainer could be told
            self.trainer.request_stop()
        self._save()

    def _save(self) -> None:
        """The stack's checkpoint; the members' metrics.csv are never behind it, on the disk too."""
        with forced_together():
            states = {
                one.name: one.state_in_stack() if one.running else self.trainer.state(one.network)
                for one in self.networks
            }
        self.folder.save_stack(self.job.stack, StackState(states))

    def _close(self, ended: Iterable[MemberRun]) -> None:
        """Write down how members stand, once all that they leave behind is on the disk."""
        with forced_together():
            for run in ended:
                run.close()

    def _interrupt(self, received: signal.Signals) -> None:
        """Leave a checkpoint from which all go on, and each member's own beside its record."""
        running = self._running()
        if self.trainer.between_epochs and running:
            self._save()
        with forced_together():
            for run in running:
                run.end("interrupted", f"by {received.name}")
        self._close(running)

    def _report_now_and_then(self) -> None:
        if time.perf_counter() - self._reported > EVENT_SECONDS:
            self._report_now()

    def _report_now(self) -> None:
        self._reported = time.perf_counter()
        self._note_statuses()
        statuses, trainer = dict(self._statuses), self.trainer
        best = {name: one.value for name, one in self._best.items() if one.value is not None}
        self.report(Progress(trainer.finished, trainer.epochs, statuses, self._metric, best))

    def _note_statuses(self) -> None:
        self._statuses |= {run.name: run.status for run in self.runs}
