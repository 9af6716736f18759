"""Sends the members of a sweep to a Dask cluster, and hears how they stand."""

from __future__ import annotations

import contextlib
import queue
import secrets
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minidl.errors import MinidlWarning, RunError
from minidl.runs.restart import Restart
from minidl.spec import Member
from minidl.store import leases
from minidl.store.run_folder import is_run
from minidl.store.run_record import ENDED
from minidl.sweep.cluster import Cluster, versions
from minidl.sweep.folder import SweepFolder
from minidl.sweep.processes import Job
from minidl.sweep.queue import Queue, Turn
from minidl.sweep.remote import RETRIES, LostError, Sent, train_group
from minidl.sweep.worker import News, Tell

STOP_SECONDS = 15.0  # that tasks may take to write checkpoints, once they are told to end
POLL_SECONDS = 0.5


@dataclass
class _Task:
    turn: Turn
    lease: Path
    future: Any
    left: dict[str, Member]  # members that have not ended


class Tasks:
    """Sends what waits to a cluster, about as much at a time as it has threads.

    Members whose worker is lost are sent again; those that lose one by themselves too often fail.
    """

    def __init__(
        self, cluster: Cluster, folder: Path, command: Sequence[str], queue: Queue
    ) -> None:
        self.cluster, self.folder, self.command = cluster, folder.absolute(), tuple(command)
        self.queue, self.ending = queue, False
        self._topic = f"minidl-{secrets.token_hex(8)}"
        self._tasks: dict[str, _Task] = {}
        self._lost: Counter[str] = Counter()  # how many workers each member has lost
        self._reached: dict[str, int] = {}  # the epoch of its checkpoint when it last lost one
        self._alone: set[str] = set()  # members that are tried one by one
        self._waits = False  # for workers
        self._deadline: float | None = None  # of those that were told to end

    def stop(self) -> None:
        """End in an orderly way, soon; safe to call from a signal handler."""
        self.ending = True

    def run(self, tell: Tell) -> None:
        """Train all that waits, or what there is until `stop`. Raises RunError."""
        said: queue.SimpleQueue[list[News] | str] = queue.SimpleQueue()
        client = self.cluster.client
        client.subscribe_topic(
            self._topic, lambda event: said.put([News(**one) for one in event[1]])
        )
        try:
            self._send(said.put)
            while self._tasks:
                with contextlib.suppress(queue.Empty):
                    self._hear(said.get(timeout=POLL_SECONDS), tell)
                if self.ending:
                    tell(self._end())
                else:
                    self._send(said.put)
        finally:
            with contextlib.suppress(Exception):
                client.unsubscribe_topic(self._topic)
            self._revoke_all()

    def _send(self, done: Callable[[str], None]) -> None:
        threads = self.cluster.threads
        if not threads and not self._waits:
            message = "the cluster has no workers: the sweep waits for some"
            warnings.warn(message, MinidlWarning, stacklevel=2)
        self._waits = not threads
        threads = max(1, threads)
        while len(self._tasks) < threads + 1 and (turn := self.queue.next()):
            members = list(turn.members)
            # More than there are lanes: they refill them. The fewer are left, the fewer.
            more = 0 if turn.single else len(turn.kind.waiting) // (2 * threads)
            members += [m for _ in range(more) if (m := self.queue.more(turn.kind))]
            lanes = 1 if turn.single else turn.kind.lanes
            job = Job(tuple(members), lanes, self.folder, self.command)
            lease = leases.grant(self.folder)
            sent = Sent(job, lease, self._topic, versions())
            key = f"minidl-{lease.name}"
            future = self.cluster.client.submit(train_group, sent, key=key, pure=False)
            self._tasks[key] = _Task(turn, lease, future, {one.name: one for one in members})
            future.add_done_callback(lambda one: done(one.key))

    def _hear(self, said: list[News] | str, tell: Tell) -> None:
        """News, or the key of a task that has ended."""
        if not isinstance(said, str):
            for task in self._tasks.values():
                self._pass_on(task, said, tell)
            return
        if said not in self._tasks:
            return
        task = self._tasks[said]
        with self.cluster.asked():  # if it is gone, nobody knows what the task came to
            failed = task.future.status == "error"
            found = task.future.exception() if failed else None
            news = task.future.result() if task.future.status == "finished" else ()
        if isinstance(found, RunError):
            raise found
        self._pass_on(task, news, tell)
        del self._tasks[said]
        self._end_of(task, leases.revoke(task.lease), found, tell)

    def _pass_on(self, task: _Task, news: Sequence[News], tell: Tell) -> None:
        """What concerns members that have not ended yet; what is interrupted waits again."""
        known = [one for one in news if one.name in task.left]
        for one in known:
            if one.has_ended or (one.stopped and self.ending):
                del task.left[one.name]
        tell([one for one in known if not one.stopped or one.name not in task.left])

    def _end_of(self, task: _Task, begun: int, error: Any, tell: Tell) -> None:
        """A task has ended, and nobody writes into its members' folders any more."""
        left, kind = list(task.left.values()), task.turn.kind
        folder = SweepFolder(self.folder)
        ended = {one.name: folder.status(one) for one in left}
        tell([News(name, status) for name, status in ended.items() if status in ENDED])
        left = [one for one in left if ended[one.name] not in ENDED]
        if self.ending:
            tell([News(one.name, "interrupted", died=True) for one in left])
            return
        self._count(left, max(1, begun))
        often = [one for one in left if self._lost[one.name] > RETRIES]
        self.queue.give_back(kind, [one for one in left if one not in often])
        said = f": {error}" if error is not None and not _is_loss(error) else ""
        text = f"the workers that trained this run were lost{said}"
        failed = [one for one in often if one.name in self._alone or len(task.left) == 1]
        tell([News(one.name, "failed", error=text, died=True) for one in failed])
        again = [one for one in often if one not in failed]
        for one in again:
            self._alone.add(one.name)
            self._lost[one.name] = 0
        self.queue.again(kind, again)

    def _count(self, left: Sequence[Member], lost: int) -> None:
        """Hold lost workers against members.

        Not against those with a new checkpoint, nor against those that waited beside them.
        """
        folder = SweepFolder(self.folder)
        begun = [one for one in left if is_run(folder.run(one).path)]
        reached = {one.name: Restart.find(folder.run(one)).epoch for one in begun}
        further = {name for name, epoch in reached.items() if epoch > self._reached.get(name, 0)}
        self._reached |= reached
        for one in left:
            if one.name in further:
                self._lost[one.name] = 0
            elif one.name in reached or not further:
                self._lost[one.name] += lost

    def _end(self) -> list[News]:
        """Let all tasks write checkpoints; who takes too long is left behind."""
        if self._deadline is None:
            self._deadline = time.monotonic() + STOP_SECONDS
            with contextlib.ExitStack() as each:  # all of them, whatever comes of one
                for task in self._tasks.values():
                    each.callback(leases.ask_to_stop, task.lease)
        if time.monotonic() < self._deadline:
            return []
        left = [one for task in self._tasks.values() for one in task.left.values()]
        self._revoke_all()
        self._tasks = {}
        return [News(one.name, "interrupted", died=True) for one in left]

    def _revoke_all(self) -> None:
        """Every lease, whatever comes of one."""
        with contextlib.ExitStack() as each:
            for task in self._tasks.values():
                each.callback(leases.revoke, task.lease)
                with contextlib.suppress(Exception):
                    task.future.cancel()


def _is_loss(error: Exception) -> bool:
    """Whether a task ended since its workers died, and not by an error of its own."""
    return isinstance(error, LostError) or type(error).__name__ == "KilledWorker"
