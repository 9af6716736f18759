"""A whole sweep: plan → queue → workers → results."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from minidl.build import choose_device
from minidl.engine.compiler import find_compiler
from minidl.errors import MinidlWarning
from minidl.nn.threads import use_threads
from minidl.runs.drive import Ending
from minidl.signals import Received, orderly_end
from minidl.spec import Member
from minidl.store.run_record import ENDED, STOPPED
from minidl.sweep.folder import SweepFolder
from minidl.sweep.plan import SweepPlan
from minidl.sweep.processes import Processes
from minidl.sweep.threads import run_threads
from minidl.sweep.work import Datasets
from minidl.sweep.worker import News, Tell, Worker

if TYPE_CHECKING:
    from minidl.sweep.cluster import Cluster
    from minidl.sweep.tasks import Tasks

_DECIDED = (*ENDED, STOPPED, "failed")  # not trained again by itself
RESULTS_SECONDS = 5.0  # between two times that results.csv is written


@dataclass
class SweepOutcome:
    """How a sweep ended."""

    folder: SweepFolder
    counts: Counter[str] = field(default_factory=Counter)  # of the members' statuses
    errors: list[str] = field(default_factory=list)
    received: Received = field(default_factory=Received)
    members: tuple[Member, ...] = ()

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


def run(
    plan: SweepPlan,
    *,
    cluster: Cluster | None = None,
    fail_fast: bool = False,
    watch: Callable[[Sequence[News]], None] = lambda news: None,
) -> SweepOutcome:
    """Train what is missing, here or on a cluster.

    A member that fails leaves an error.txt, and the rest goes on.
    """
    outcome = SweepOutcome(plan.folder, members=plan.members)
    results = _Results(plan)
    work = _Work(plan, cluster)

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
    """All workers: those of a cluster; else threads where code is compiled, else processes."""

    def __init__(self, plan: SweepPlan, cluster: Cluster | None) -> None:
        self.plan, self.ending, self.queue = plan, Ending(), plan.queue()
        self._elsewhere: Processes | Tasks | None = None
        if cluster is not None:
            from minidl.sweep.tasks import Tasks

            self._elsewhere = Tasks(cluster, plan.folder.path, plan.command, self.queue)
            return
        on_gpu = any(choose_device(own[0].spec).type != "cpu" for own, _ in plan.kinds)
        if plan.workers > 1 and (on_gpu or find_compiler() is None):
            self._elsewhere = Processes(plan.workers, plan.folder.path, plan.command, self.queue)
            if not on_gpu:
                what = "trains by plain PyTorch calls, which takes longer: no C compiler found"
                warnings.warn(what, MinidlWarning, stacklevel=4)

    def stop(self) -> None:
        """Safe to call from a signal handler."""
        self.ending.request()
        if self._elsewhere:
            self._elsewhere.stop()

    def run(self, tell: Tell) -> None:
        if self._elsewhere:
            self._elsewhere.run(tell)
            return
        plan, datasets = self.plan, Datasets()

        def worker(tell: Tell) -> Worker:
            return Worker(plan.folder.path, plan.command, self.queue, datasets, self.ending, tell)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MinidlWarning)  # said when the members were measured
            warnings.filterwarnings("default", "trains by plain", MinidlWarning)
            run_threads(plan.workers, worker, tell, self.ending)
