"""A whole sweep: members → stacks → executor → results."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from minidl.beginning import pinned
from minidl.build import Members, choose_device
from minidl.errors import DamagedError, RunError
from minidl.executors import THREADS, Executor, Job, ProcessExecutor, Update, run_job
from minidl.provenance import differences, provenance
from minidl.restart import DamageWarning, RestartWarning
from minidl.signals import Received, orderly_end
from minidl.spec import Member, Sweep
from minidl.sweep.cut import Cut, fresh_names
from minidl.sweep.failures import Failures
from minidl.sweep.folder import SweepFolder
from minidl.sweep.stack_state import StackState
from minidl.sweep.stacks import make_stacks
from minidl.sweep.work import Works, measure, memory_for_networks

# A run in one of these states is a result; the others are trained (again).
ENDED = ("done", "diverged")
STOPPED = ("running", "interrupted")  # in the midst of its training
# Work of fewer seconds is done in this process: a worker takes about as long to start.
WORTH_A_WORKER = 3.0


@dataclass
class SweepPlan:
    """What there is to do: the missing members as jobs; `seconds` says roughly how long each is."""

    folder: SweepFolder
    members: tuple[Member, ...]
    jobs: list[Job]
    seconds: dict[str, float]
    processes: int

    @property
    def missing(self) -> int:
        """Members still to be trained."""
        return sum(len(job.missing) for job in self.jobs)


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
    """One per core that this process may use; one alone on a GPU, which one stack fills.

    What it may use is up to its affinity and to the quota of its container.
    """
    if device != "cpu":
        return 1
    import joblib  # here, since it takes a moment

    return int(joblib.cpu_count())


def plan(
    sweep: Sweep,
    folder: SweepFolder,
    works: Works | None = None,
    *,
    command: Sequence[str] = (),
    stack: int | None = None,
    jobs: int | None = None,
    force: bool = False,
) -> SweepPlan:
    """The stacks of the members that have no result yet.

    A stack that was begun goes on as it is; members that are in none get new ones. `works` is what
    `measure` says of the members. Warns where files are damaged. Raises RunError, without `force`
    also where a stack would go on under other versions or on another device.
    """
    works = works or measure(sweep.members)
    folder.clear_away()
    members = {member.name: _pinned(member, works) for member in sweep.members}
    cut, ghosts = _cut(sweep, folder, works, stack, jobs, force)
    folder.write_cut(cut)
    made = [
        Job(name, tuple(members[m] for m in names), folder.path, tuple(command), ghosts[name])
        for name, names in cut.items()
    ]
    seconds = {job.stack: _seconds(job, works) for job in made}
    made.sort(key=lambda job: seconds[job.stack], reverse=True)
    processes = jobs or _processes(made, works)
    if jobs is None and sum(seconds.values()) < WORTH_A_WORKER:
        processes = 1
    return SweepPlan(folder, sweep.members, made, seconds, min(processes, len(made)))


def _processes(jobs: Sequence[Job], works: Works) -> int:
    """As many as there are cores, as long as each has memory for the largest stack."""
    if not jobs:
        return 1
    device = choose_device(Members(jobs[0].members[0].spec))
    largest = max(len(job.members) * works[job.members[0].spec].memory for job in jobs)
    return max(1, min(default_jobs(device.type), memory_for_networks(device) // largest))


def stacks_of(
    members: Sequence[Member], works: Works, stack: int | None = None, jobs: int | None = None
) -> list[list[Member]]:
    """The members in new stacks, the longest first."""
    if not members:
        return []
    device = choose_device(Members(members[0].spec))
    processes, memory = jobs or default_jobs(device.type), memory_for_networks(device)
    return make_stacks(members, works.kinds, size=stack, jobs=processes, memory=memory)


def first_cut(sweep: Sweep, works: Works, stack: int | None, jobs: int | None) -> Cut:
    """The stacks of a sweep of which nothing is there yet."""
    made = stacks_of(sweep.members, works, stack, jobs)
    return {
        name: [member.name for member in members]
        for name, members in zip(fresh_names((), len(made)), made, strict=True)
    }


def _cut(
    sweep: Sweep,
    folder: SweepFolder,
    works: Works,
    stack: int | None,
    jobs: int | None,
    force: bool,
) -> tuple[Cut, dict[str, frozenset[str]]]:
    """The stacks with work left, as they were begun or new; and who only trains along in each."""
    members = {member.name: member for member in sweep.members}
    left = {name for name, member in members.items() if folder.status(member) not in ENDED}
    free, written = set(left), folder.read_cut(members)
    cut: Cut = {}
    begun = 0  # runs that were stopped before their stack's first checkpoint
    ghosts: dict[str, frozenset[str]] = {}
    # Who began anew in a later stack is in the first one still, as a ghost.
    stack_of = {one: name for name, names in written.items() for one in names}
    for name, names in written.items():
        mine = {one for one in left.intersection(names) if stack_of[one] == name}
        damage: list[str] = []
        state = folder.load_stack(name, damage)
        if state:
            # Those that left the stack have ended; a part takes its own out of the whole.
            names = [one for one in state.networks if one in names]
            own = {one for one in mine & {*names} if _goes_on(members[one], folder, state)}
        else:
            own = mine
        if damage:
            epoch = f"epoch {state.finished}" if state else "the beginning"
            _warn(f"{'; '.join(damage)}: the stack goes on from {epoch}", DamageWarning)
        elif not state:
            begun += sum(folder.status(members[one]) in STOPPED for one in mine)
        if own:
            if state and not force:
                _refuse_other_machine(folder, members[min(own)])
            cut[name], ghosts[name] = names, frozenset(names) - own
            free -= own
    if begun:
        runs = "1 run was" if begun == 1 else f"{begun} runs were"
        what = "stopped before the first checkpoint: training starts from the beginning"
        _warn(f"{folder.path}: {runs} {what}", RestartWarning)
    new = stacks_of([members[one] for one in members if one in free], works, stack, jobs)
    for name, group in zip(fresh_names(written, len(new)), new, strict=True):
        cut[name], ghosts[name] = [member.name for member in group], frozenset()
    return cut, ghosts


def _goes_on(member: Member, folder: SweepFolder, state: StackState) -> bool:
    """Whether a member's folder fits its stack's checkpoint; else it begins anew, in another."""
    try:
        folder.run(member).metrics.read(state.networks[member.name][1].get("metrics") or {})
    except DamagedError as error:
        _warn(f"{error}: this run starts again from the beginning", DamageWarning)
        return False
    return True


def _refuse_other_machine(folder: SweepFolder, member: Member) -> None:
    """RunError if a stack would go on where results come out in other last bits."""
    try:
        before = folder.run(member).read_record()
    except DamagedError:
        return  # a damaged record says nothing; it is made anew
    here = {**provenance(choose_device(Members(member.spec))), "threads": THREADS}
    if other := differences(before, here):
        raise RunError(
            f"{folder.path}: began with {'; '.join(other)}: results would not be exactly those of "
            "a sweep that never stopped (--force goes on all the same)"
        )


def _warn(message: str, category: type[Warning]) -> None:
    warnings.warn(message, category, stacklevel=4)


def _pinned(member: Member, works: Works) -> Member:
    """The member with its data files' hashes, so that no other files are read later on."""
    return replace(member, spec=pinned(member.spec, works.files))


def _seconds(job: Job, works: Works) -> float:
    return sum(works[member.spec].seconds for member in job.members)


def run(
    plan: SweepPlan,
    *,
    fail_fast: bool = False,
    watch: Callable[[Update], None] = lambda update: None,
) -> SweepOutcome:
    """Train what is missing. A member that fails leaves an error.txt, and the rest goes on."""
    outcome, folder = SweepOutcome(plan.folder), plan.folder
    folder.write_results(plan.members)
    alone = plan.processes <= 1
    executor: Executor = _ThisProcess() if alone else ProcessExecutor(plan.processes)

    failures = Failures(folder)

    def note(update: Update) -> None:
        if update.kind == "failed" and not fail_fast:
            update = failures.answer(update, _unfinished(update.job, folder))
        if update.kind == "split":
            executor.add(update.parts)
        if update.kind == "failed":
            left = _unfinished(update.job, folder)
            if fail_fast and len(left) > 1 and not update.everywhere:
                one = f"one of {len(left)} runs that train together (--fail-fast doesn't ask which)"
                update = replace(update, error=f"{one}:\n{update.error}")
            outcome.errors.append(update.error)
            for member in left:
                folder.write_error(member, update.error)
            if fail_fast:
                executor.stop()
        if update.kind == "interrupted":
            for member in _unfinished(update.job, folder):
                folder.write_interrupted(member)
        if update.kind == "done":
            folder.write_cut({k: v for k, v in folder.read_cut().items() if k != update.job.stack})
        if update.kind != "progress":
            folder.write_results(plan.members, update.job.members)
        watch(update)

    with orderly_end(executor.stop) as outcome.received:
        executor.run(plan.jobs, note)
    folder.write_results(plan.members)
    outcome.counts = Counter(folder.status(member) for member in plan.members)
    return outcome


def _unfinished(job: Job, folder: SweepFolder) -> list[Member]:
    return [member for member in job.missing if folder.status(member) not in ENDED]


class _ThisProcess:
    """One job after the other, here."""

    def __init__(self) -> None:
        self._stopping = False
        self._waiting: list[Job] = []

    def run(self, jobs: Sequence[Job], watch: Callable[[Update], None]) -> None:
        self.add(jobs)
        while self._waiting and not self._stopping:
            run_job(self._waiting.pop(), watch)

    def add(self, jobs: Sequence[Job]) -> None:
        self._waiting += reversed(jobs)

    def stop(self) -> None:
        self._stopping = True
