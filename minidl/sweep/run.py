"""A whole sweep: members → stacks → executor → results."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from minidl.build import Members, choose_device
from minidl.executors import Executor, Job, ProcessExecutor, Update, run_job
from minidl.signals import Received, orderly_end
from minidl.spec import Member, Sweep
from minidl.sweep.folder import SweepFolder
from minidl.sweep.stacks import cost, make_stacks

# A run in one of these states is a result; the others are trained (again).
ENDED = ("done", "diverged")
# Work of fewer seconds is done in this process: a worker takes about as long to start.
WORTH_A_WORKER = 3.0


@dataclass
class SweepPlan:
    """What there is to do: the missing members as jobs."""

    folder: SweepFolder
    members: tuple[Member, ...]
    jobs: list[Job]
    processes: int

    @property
    def missing(self) -> int:
        """Members still to be trained."""
        return sum(len(job.members) for job in self.jobs)


@dataclass
class SweepOutcome:
    """How a sweep ended."""

    folder: SweepFolder
    counts: Counter[str] = field(default_factory=Counter)  # of the members' statuses
    errors: list[str] = field(default_factory=list)
    received: Received = field(default_factory=Received)

    @property
    def exit_code(self) -> int:
        """0 if every member has a result; divergence is one."""
        if self.received.signal:
            return self.received.exit_code
        return 1 if self.errors or self.counts["failed"] else 0


def default_jobs(device: str = "cpu") -> int:
    """One per core that this process may use; one alone on a GPU, which one stack fills."""
    if device != "cpu":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def plan(
    sweep: Sweep,
    folder: SweepFolder,
    *,
    command: Sequence[str] = (),
    stack: int | None = None,
    jobs: int | None = None,
) -> SweepPlan:
    """The stacks of the members that have no result yet."""
    missing = [member for member in sweep.members if folder.status(member) not in ENDED]
    device = choose_device(Members(sweep.members[0].spec)).type
    processes = jobs or default_jobs(device)
    stacks = make_stacks(missing, size=stack, jobs=processes, finished=folder.finished)
    if jobs is None and sum(map(cost, stacks)) < WORTH_A_WORKER:
        processes = 1
    made = [
        Job(number, tuple(stack), folder.path, tuple(command))
        for number, stack in enumerate(stacks)
    ]
    return SweepPlan(folder, sweep.members, made, min(processes, len(made)))


def run(
    plan: SweepPlan,
    *,
    fail_fast: bool = False,
    watch: Callable[[Update], None] = lambda update: None,
) -> SweepOutcome:
    """Train what is missing. A member that fails leaves an error.txt, and the rest goes on."""
    outcome = SweepOutcome(plan.folder)
    plan.folder.write_results(plan.members)
    alone = plan.processes <= 1
    executor: Executor = _ThisProcess() if alone else ProcessExecutor(plan.processes)

    def note(update: Update) -> None:
        if update.kind == "failed":
            outcome.errors.append(update.error)
            for member in update.job.members:
                if plan.folder.status(member) not in ENDED:
                    plan.folder.write_error(member, update.error)
            if fail_fast:
                executor.stop()
        if update.kind != "progress":
            plan.folder.write_results(plan.members)
        watch(update)

    with orderly_end(executor.stop) as outcome.received:
        executor.run(plan.jobs, note)
    plan.folder.write_results(plan.members)
    outcome.counts = Counter(plan.folder.status(member) for member in plan.members)
    return outcome


class _ThisProcess:
    """One job after the other, here."""

    def __init__(self) -> None:
        self._stopping = False

    def run(self, jobs: Sequence[Job], watch: Callable[[Update], None]) -> None:
        for job in jobs:
            if self._stopping:
                return
            run_job(job, watch)

    def stop(self) -> None:
        self._stopping = True


def check(sweep: Sweep) -> None:
    """Build each kind of member once, so that what can't train is told before anything runs.

    Raises ConfigError and DataError.
    """
    from minidl.execute import prepare

    for stack in make_stacks(sweep.members):
        prepare(stack[0].spec)
