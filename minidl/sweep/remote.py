"""What a task on a Dask cluster does: it trains some members of a kind, in their own folders.

Run folders on a shared file system are the truth: a task goes on from its members' checkpoints and
returns how they stand. It takes a lease first, so that of two that were given the same members only
the later one writes.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from minidl.errors import RunError
from minidl.nn.threads import use_threads
from minidl.runs.drive import Ending
from minidl.store import leases
from minidl.store.run_record import ENDED
from minidl.sweep.cluster import other_version, versions
from minidl.sweep.folder import SweepFolder
from minidl.sweep.processes import Job
from minidl.sweep.queue import Kind, Queue
from minidl.sweep.work import Datasets
from minidl.sweep.worker import News, Tell, Worker

RETRIES = 3  # how often members are sent again whose worker was lost
POLL_SECONDS = 0.5  # between two looks at whether it is to end


@dataclass(frozen=True)
class Sent:
    """What a task gets: a job, the lease by which it writes, where its news go."""

    job: Job
    lease: Path
    topic: str
    versions: dict[str, str]


class LostError(Exception):
    """A task was begun so often that its workers must die of it."""


def train_group(sent: Sent) -> list[News]:
    """A task: train the members of a job; returns how they stand.

    Raises RunError where nobody can go on, such as on a full disk, and LostError.
    """
    from distributed import get_worker

    worker = get_worker()
    if other := other_version(sent.versions, dict(versions())):
        raise RunError(f"the worker {worker.address} has {other}: its results would be others")
    told: dict[str, News] = {}

    def tell(news: Sequence[News]) -> None:
        told.update({one.name: one for one in news})
        worker.log_event(sent.topic, [asdict(one) for one in news])

    try:
        lease = leases.Lease(sent.lease)
        if lease.taken > 1 + RETRIES:
            raise LostError
        with lease.fencing(), use_threads(1):
            _train(sent.job, lease, tell)
    except leases.Fenced:
        return []
    return [*told.values()]


def _train(job: Job, lease: leases.Lease, tell: Tell) -> None:
    folder, ending = SweepFolder(job.folder), Ending()
    statuses = {one.name: folder.status(one) for one in job.members}
    tell([News(name, status) for name, status in statuses.items() if status in ENDED])
    left = [one for one in job.members if statuses[one.name] not in ENDED]
    waiting = Queue([Kind(left, job.lanes)])
    worker = _Worker(job.folder, job.command, waiting, Datasets(), ending, tell)
    worker.lease = lease
    over = threading.Event()
    watching = threading.Thread(target=_watch, args=(lease, ending, over), daemon=True)
    watching.start()
    try:
        worker.run()
    finally:
        over.set()
        watching.join()


def _watch(lease: leases.Lease, ending: Ending, over: threading.Event) -> None:
    """End the training once who sent it asks for that, or another does it."""
    while not over.wait(POLL_SECONDS):
        try:
            if lease.asked_to_stop:
                ending.request()
        except leases.Fenced:
            ending.request_at_once()
            return


class _Worker(Worker):
    """Writes by a lease."""

    lease: leases.Lease

    @contextlib.contextmanager
    def _by_lease(self) -> Iterator[None]:
        with self.lease.batch(), super().together():
            yield

    def together(self) -> AbstractContextManager[None]:
        return self._by_lease()
