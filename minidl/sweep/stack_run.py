"""Training one stack: members side by side as one tensor program, each into its own folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from minidl.build import build, seed_of
from minidl.data import Dataset
from minidl.execute import CheckpointClock, read_data
from minidl.files import sync_once
from minidl.member import MemberRun, first_record, resolved
from minidl.runs import RunFolder
from minidl.signals import orderly_end
from minidl.spec import Member, Spec, dump
from minidl.sweep.folder import SweepFolder
from minidl.sweep.progress import Progress
from minidl.train import Trainer

EVENT_SECONDS = 0.25  # between two progress reports
# The others go on in a smaller stack once this share of the networks has ended.
SHRINK_AT = 0.5


Report = Callable[[Progress], None]


class StackRun:
    """Members that train together until each has ended.

    A member that diverges or stops early ends by itself; once half have, the others go on without
    them. Members whose folders hold checkpoints go on from there; all must be of one epoch. Raises
    what building raises, before anything is written.
    """

    def __init__(
        self, members: Sequence[Member], folder: SweepFolder, command: Sequence[str], report: Report
    ) -> None:
        self.folder, self.report = folder, report
        self._reported = 0.0
        datasets = _read_all([member.spec for member in members])
        self.experiment = build([member.spec for member in members], datasets)
        record = first_record(members[0].spec, datasets[0], self.experiment, command)
        record["stack"] = len(members)
        with sync_once():
            self.runs = [
                self._open(member, data, record, place)
                for place, (member, data) in enumerate(zip(members, datasets, strict=True))
            ]
        self.names = [member.name for member in members]

    def _open(self, member: Member, data: Dataset, record: dict[str, Any], place: int) -> MemberRun:
        """A member's run: a new folder, or where it stopped."""
        spec = resolved(member.spec, data, self.experiment.device)
        record = {**record, "seed": spec.seed, "sweep": member.values}
        if data.preprocessing is not None:
            record["preprocessing"] = data.preprocessing.to_dict()
        goes_on = self.folder.finished(member) > 0
        if goes_on:
            folder = self.folder.run(member)
            self.folder.forget_error(member)
        else:
            folder = RunFolder.create(
                self.folder.path,
                stem=member.name,
                name=member.name,
                config_text=dump(spec),
                overwrite=True,
            )
        folder.write_record(record)
        run = MemberRun(spec, data, self.experiment, folder, record, network=place)
        if goes_on:
            run.restore()
        return run

    @property
    def trainer(self) -> Trainer:
        return self.experiment.trainer

    def train(self) -> Literal["done", "interrupted"]:
        """Train all to their ends; returns "done", or "interrupted"."""
        checkpoints = CheckpointClock(self.runs[0].spec.training.checkpoint_every)
        with orderly_end(lambda: self.trainer.request_stop()) as received:
            while self._running() and not received.signal:
                self._train_until_some_leave(checkpoints)
            with sync_once():
                for run in self._running():
                    assert received.signal is not None  # nothing else ends a training early
                    run.end("interrupted", f"by {received.signal.name}")
        self._report_now()
        return "interrupted" if received.signal else "done"

    def _train_until_some_leave(self, checkpoints: CheckpointClock) -> None:
        for epoch in self.trainer:
            with sync_once():
                for run in self._running():
                    run.epoch_ended(epoch)
                if checkpoints.due(epoch.number):
                    for run in self._running():
                        run.save_checkpoints()
            self._report_now_and_then()
            if 0 < len(self._running()) <= SHRINK_AT * self.trainer.networks:
                self._shrink()
                return

    def _running(self) -> list[MemberRun]:
        return [run for run in self.runs if run.running]

    def _shrink(self) -> None:
        """Go on with a stack of those that still run, each from where it stands."""
        running, before = self._running(), self.trainer
        experiment = build([run.spec for run in running], [run.data for run in running])
        for place, run in enumerate(running):
            experiment.trainer.restore(place, *before.state(run.network))
        for place, run in enumerate(running):
            run.experiment, run.network = experiment, place
        self.experiment = experiment

    def _report_now_and_then(self) -> None:
        if time.perf_counter() - self._reported > EVENT_SECONDS:
            self._report_now()

    def _report_now(self) -> None:
        self._reported = time.perf_counter()
        statuses = {name: run.status for name, run in zip(self.names, self.runs, strict=True)}
        best = {
            name: run.best.value
            for name, run in zip(self.names, self.runs, strict=True)
            if run.best.value is not None
        }
        trainer = self.trainer
        metric = self.runs[0].best.metric
        self.report(Progress(trainer.finished, trainer.epochs, statuses, metric, best))


def _read_all(specs: Sequence[Spec]) -> list[Dataset]:
    """Each member's data; what is equal is read once."""
    known: dict[str, Dataset] = {}
    datasets = []
    for spec in specs:
        key = f"{seed_of(spec, 'data')} {spec.data!r}"
        if key not in known:
            known[key] = read_data(spec)
        datasets.append(known[key])
    return datasets
