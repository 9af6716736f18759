"""A search: rounds of trials, each of which follows from the results of those before it.

Results are what lies in the run folders, so that a search which was killed goes on by going through
its rounds again: what is there needn't be trained.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from minidl.build import Experiment
from minidl.data import Dataset
from minidl.errors import ConfigError, DamagedError
from minidl.spec import Member, Sweep
from minidl.spec.search import Halving, RandomSearch, TpeSearch
from minidl.store.run_folder import is_run
from minidl.store.run_record import ENDED, STOPPED, RunRecord
from minidl.sweep.folder import SweepFolder
from minidl.sweep.halving import Round, Trial, halving
from minidl.sweep.kinds import kind_of
from minidl.sweep.plan import SweepPlan, cleared, plan
from minidl.sweep.run import SweepOutcome
from minidl.sweep.tpe import tpe
from minidl.sweep.work import Works, measure


def checked(sweep: Sweep) -> Works:
    """What the members take (see `measure`). Raises ConfigError where they lack the metric."""
    search = sweep.search
    if search is None:
        return measure(sweep.members)

    lacking: list[str] = []

    def check(member: Member, data: Dataset, built: Experiment) -> None:
        known = [
            f"{part}_{name}" for part in data.parts for name in built.trainer.evaluator.metrics
        ]
        if search.metric not in known:
            lacking.append(f"this data has no {search.metric}; there are {', '.join(known)}")

    works = measure(sweep.members, check)
    if lacking:
        raise ConfigError([search.problem("metric", lacking[0])])
    return works


def plans(sweep: Sweep, folder: SweepFolder, works: Works, **how: Any) -> Iterator[SweepPlan]:
    """What there is to do, one plan after the other: carry out each before you ask for the next.

    A sweep without a search has one. `how` goes to `plan`. Ends early where a plan wasn't carried
    out to its end.
    """
    if sweep.search is None or isinstance(sweep.search, RandomSearch):
        yield plan(sweep, folder, works, **how)
        return
    results = Results(folder, sweep.search.metric or "")
    known = {} if sweep.proposes else {member.name: member for member in sweep.members}
    nothing = True
    for part in _rounds(sweep, results):
        for member in part.members:
            known.setdefault(member.name, member)
        works = _with(works, part.members)
        # In a small space trials may be proposed twice: each is trained once.
        apart = {one.name: one for one in reversed(part.members)}
        missing = [one for one in reversed(apart.values()) if results.of(one) is None]
        if missing:
            yield cleared(folder, [*known.values()], missing, works, part=part.name, **how)
            nothing = False
        if any(results.of(one) is None and not results.failed(one) for one in part.members):
            return
    if nothing:
        yield cleared(folder, [*known.values()], [], works, **how)


def carry_out(
    plans: Iterable[SweepPlan], train: Callable[[SweepPlan], SweepOutcome], *, fail_fast: bool
) -> SweepOutcome:
    """Train what each plan says; returns how the last one ended, with the errors of all."""
    errors: list[str] = []
    for todo in plans:
        outcome = train(todo)
        errors += outcome.errors
        if outcome.received.signal or (fail_fast and errors):
            break
    outcome.errors = errors
    return outcome


class Results:
    """The metric of members at their rungs, as their folders have it."""

    def __init__(self, folder: SweepFolder, metric: str) -> None:
        self.folder, self.metric = folder, metric

    def __call__(self, member: Member) -> float:
        """NaN where it has none."""
        found = self.of(member)
        return math.nan if found is None else found

    def of(self, member: Member) -> float | None:
        """The same; None where the member has neither reached its rung nor ended before.

        One that trained beyond it since is judged by what it was there.
        """
        record = self._record(member)
        if record.status in ENDED and (record.epochs or 0) <= member.epochs:
            found = record.final.get(self.metric) if record.status == "done" else None
            return math.nan if found is None else float(found)
        if member.until is None:
            return None
        try:
            columns = self.folder.run(member).metrics.read()
        except DamagedError:
            return None
        epochs = columns.get("epoch", [])
        reached = member.until < len(epochs) or record.status == STOPPED
        if not reached or member.until not in epochs:
            return None
        return float(columns[self.metric][epochs.index(member.until)])

    def failed(self, member: Member) -> bool:
        """Whether it is known to fail."""
        return self._record(member).status == "failed"

    def _record(self, member: Member) -> RunRecord:
        run = self.folder.run(member)
        try:
            return run.read_record() if is_run(run.path) else RunRecord()
        except DamagedError:
            return RunRecord()


def trials_of(members: Iterable[Member]) -> list[Trial]:
    """Members that differ by seed alone, in the order of the trials' numbers."""
    found: dict[int | None, list[Member]] = {}
    for member in members:
        found.setdefault(member.trial, []).append(member)
    return [*found.values()]


def _rounds(sweep: Sweep, results: Results) -> Iterator[Round]:
    if isinstance(sweep.search, TpeSearch):
        assert sweep.space
        return tpe(sweep.search, sweep.space, results)
    assert isinstance(sweep.search, Halving)
    return halving(sweep.search, trials_of(sweep.members), results)


def _with(works: Works, members: Iterable[Member]) -> Works:
    """Also of kinds that come new."""
    new = measure(member for member in members if kind_of(member.spec) not in works.kinds)
    return Works({**works.kinds, **new.kinds}, {**works.files, **new.files})
