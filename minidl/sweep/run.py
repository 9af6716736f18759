"""A whole sweep: members → queue → workers → results."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from minidl.build import build, choose_device, read_data
from minidl.engine.compiler import find_compiler, lanes_for
from minidl.errors import DamagedError, DamageWarning, MinidlWarning, RestartWarning
from minidl.plural import plural
from minidl.runs.begin import pinned
from minidl.runs.drive import Ending
from minidl.runs.record import provenance, refuse_another_origin
from minidl.runs.restart import Restart
from minidl.signals import Received, orderly_end
from minidl.spec import Member, Sweep
from minidl.store.run_record import ENDED, RunRecord
from minidl.sweep.folder import SweepFolder
from minidl.sweep.kinds import kind_of
from minidl.sweep.processes import Processes
from minidl.sweep.queue import Kind, Queue
from minidl.sweep.threads import run_threads
from minidl.sweep.work import Datasets, Works, measure, memory_for_networks
from minidl.sweep.worker import News, Tell, Worker
from minidl.train.lanes import Programs
from minidl.train.threads import use_threads

_DECIDED = (*ENDED, "failed")  # not trained again by itself
STOPPED = ("running", "interrupted")  # in the midst of its training
# Networks that train side by side on a GPU: from there on nothing is left to share.
GPU_LANES = 100
RESULTS_SECONDS = 5.0  # between two times that results.csv is written


@dataclass(frozen=True)
class SweepPlan:
    """What there is to do: the members that have no result.

    kinds: those of each kind, and how many of them a worker trains side by side at most; turns:
    what the workers are going to do, as far as is known; seconds: what each member takes, roughly.
    """

    folder: SweepFolder
    members: tuple[Member, ...]
    kinds: tuple[tuple[tuple[Member, ...], int], ...]
    seconds: Mapping[str, float]
    turns: tuple[tuple[Member, ...], ...]
    workers: int
    command: tuple[str, ...]

    @property
    def missing(self) -> int:
        """Members still to be trained."""
        return len(self.seconds)

    def queue(self) -> Queue:
        """All that waits."""
        return _queue(self.kinds, self.seconds)


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
        return 1 if self.errors or self.counts["failed"] or self.unfinished else 0

    @property
    def unfinished(self) -> int:
        """Members without a result that have not failed either."""
        return sum(count for status, count in self.counts.items() if status not in _DECIDED)


def default_jobs(device: str = "cpu") -> int:
    """One per core that this process may use; one alone on a GPU, which it fills.

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
    """What is left to do; `works` is what `measure` says of the members.

    `stack` is the most that train side by side in one of `jobs` workers. Clears away what killed
    processes left: nobody may be at work. Warns where files are damaged. Raises RunError, without
    `force` also where a member would go on under other versions or on another device.
    """
    works = works or measure(sweep.members)
    folder.clear_away()
    missing = [_pinned(one, works) for one in sweep.members if folder.status(one) not in ENDED]
    begun = sum([_begins_anew(folder, member, force) for member in missing])
    if begun:
        runs = f"{plural(begun, 'run')} {'was' if begun == 1 else 'were'}"
        what = "stopped before the first checkpoint: training starts from the beginning"
        _warn(f"{folder.path}: {runs} {what}", RestartWarning)
    return planned(folder, sweep.members, missing, works, command=command, stack=stack, jobs=jobs)


def planned(
    folder: SweepFolder,
    members: Sequence[Member],
    missing: Sequence[Member],
    works: Works,
    *,
    command: Sequence[str] = (),
    stack: int | None = None,
    jobs: int | None = None,
) -> SweepPlan:
    """How the missing members are trained."""
    alike: dict[str, list[Member]] = {}
    for member in missing:
        alike.setdefault(kind_of(member.spec), []).append(member)
    devices = {key: choose_device(own[0].spec) for key, own in alike.items()}
    jobs = jobs or min((default_jobs(device.type) for device in devices.values()), default=1)
    kinds: list[tuple[tuple[Member, ...], int]] = []
    seconds: dict[str, float] = {}
    for key, own in alike.items():
        work, device = works.kinds[key], devices[key]
        fitting = memory_for_networks(device) // jobs // work.memory
        lanes = min(_lanes(own[0], device), stack or GPU_LANES, max(1, fitting))
        kinds.append((tuple(own), lanes))
        seconds |= {member.name: work.seconds(member.spec) for member in own}
    turns = tuple(tuple(turn.members) for turn in _queue(kinds, seconds).turns())
    workers = min(jobs, len(turns))
    return SweepPlan(folder, tuple(members), tuple(kinds), seconds, turns, workers, tuple(command))


def _lanes(member: Member, device: torch.device) -> int:
    """How many networks of its kind train side by side in a worker, unless they are too large."""
    if device.type != "cpu":
        return GPU_LANES
    return lanes_for(getattr(torch, member.spec.training.dtype)) if find_compiler() else 1


def _queue(kinds: Iterable[tuple[Sequence[Member], int]], seconds: Mapping[str, float]) -> Queue:
    return Queue(Kind(members, lanes, seconds) for members, lanes in kinds)


def _begins_anew(folder: SweepFolder, member: Member, force: bool) -> bool:
    """Whether a member was stopped before its first checkpoint. Warns of what is damaged."""
    status = folder.status(member)
    if status == "missing":
        return False
    restart = Restart.find(folder.run(member))
    if restart.damage:
        _warn(str(restart), DamageWarning)
    elif not restart.checkpoint:
        return status in STOPPED
    if restart.checkpoint and not force:
        _refuse_other_machine(folder, member)
    return False


def _refuse_other_machine(folder: SweepFolder, member: Member) -> None:
    """RunError if a member would go on where results come out in other last bits."""
    try:
        before = folder.run(member).read_record()
    except DamagedError:
        return  # a damaged record says nothing; it is made anew
    here = provenance(choose_device(member.spec), _engine(member, before))
    here.threads = 1
    refuse_another_origin(folder.path, before, here, what="a sweep", way_on="--force")


def _engine(member: Member, before: RunRecord) -> str:
    """What would train a member that goes on."""
    usual = "compiled" if choose_device(member.spec).type == "cpu" and find_compiler() else "plain"
    if usual == "plain" or str(before.engine).startswith(usual):
        return usual
    # It may be of those that can't be compiled.
    experiment = build(member.spec, read_data(member.spec))
    return Programs.of(experiment.trainer).engine.description


def _warn(message: str, category: type[Warning]) -> None:
    warnings.warn(message, category, stacklevel=4)


def _pinned(member: Member, works: Works) -> Member:
    """The member with its data files' hashes, so that no other files are read later on."""
    return replace(member, spec=pinned(member.spec, works.files))


def run(
    plan: SweepPlan,
    *,
    fail_fast: bool = False,
    watch: Callable[[Sequence[News]], None] = lambda news: None,
) -> SweepOutcome:
    """Train what is missing. A member that fails leaves an error.txt, and the rest goes on."""
    outcome = SweepOutcome(plan.folder)
    results = _Results(plan)
    work = _Work(plan)

    def note(news: Sequence[News]) -> None:
        for one in news:
            if one.died:
                results.write_end(one)
            if one.error:
                outcome.errors.append(one.error)
                if fail_fast:
                    work.stop()
        results.changed |= {one.name for one in news if one.stopped}
        results.write_now_and_then()
        watch(news)

    with orderly_end(work.stop) as work.ending.received, use_threads(1):
        outcome.received = work.ending.received
        work.run(note)
    outcome.counts = results.write()
    return outcome


class _Results:
    """Writes results.csv, and what members that died could not write."""

    def __init__(self, plan: SweepPlan) -> None:
        self.folder, self.members = plan.folder, {one.name: one for one in plan.members}
        self.changed: set[str] = set()
        self.folder.write_results(self.members.values())
        self._next = time.monotonic() + RESULTS_SECONDS

    def write(self) -> Counter[str]:
        started = time.monotonic()
        counts = self.folder.write_results(self.members.values(), self.changed)
        now = time.monotonic()
        # It takes longer, the larger the sweep: a twentieth of the time at most.
        self.changed, self._next = set(), now + max(RESULTS_SECONDS, 20 * (now - started))
        return counts

    def write_now_and_then(self) -> None:
        """The same, not at each end: it grows with the sweep."""
        if self.changed and time.monotonic() > self._next:
            self.write()

    def write_end(self, news: News) -> None:
        member = self.members[news.name]
        if news.error:
            self.folder.write_error(member, news.error)
        else:
            self.folder.write_interrupted(member)


class _Work:
    """All workers: threads where code is compiled, else processes."""

    def __init__(self, plan: SweepPlan) -> None:
        self.plan, self.ending, self.queue = plan, Ending(), plan.queue()
        self._processes: Processes | None = None
        on_gpu = any(choose_device(own[0].spec).type != "cpu" for own, _ in plan.kinds)
        if plan.workers > 1 and (on_gpu or find_compiler() is None):
            self._processes = Processes(plan.workers, plan.folder.path, plan.command, self.queue)
            if not on_gpu:
                what = "trains by plain PyTorch calls, which takes longer: no C compiler found"
                _warn(what, MinidlWarning)

    def stop(self) -> None:
        """Safe to call from a signal handler."""
        self.ending.request()
        if self._processes:
            self._processes.stop()

    def run(self, tell: Tell) -> None:
        if self._processes:
            self._processes.run(tell)
            return
        plan, datasets = self.plan, Datasets()

        def worker(tell: Tell) -> Worker:
            return Worker(plan.folder.path, plan.command, self.queue, datasets, self.ending, tell)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MinidlWarning)  # said when the members were measured
            warnings.filterwarnings("default", "trains by plain", MinidlWarning)
            run_threads(plan.workers, worker, tell, self.ending)
