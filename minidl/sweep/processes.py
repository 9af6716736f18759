"""Workers as processes: plain steps hold the interpreter, so threads would wait for each other."""

from __future__ import annotations

import contextlib
import ctypes
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from minidl.errors import MinidlWarning
from minidl.nn.threads import use_threads
from minidl.runs.drive import Ending
from minidl.runs.restart import Restart
from minidl.signals import SIGNALS, Stopped, orderly_end
from minidl.spec import Member
from minidl.sweep.folder import SweepFolder
from minidl.sweep.queue import Kind, Queue, Turn
from minidl.sweep.work import Datasets
from minidl.sweep.worker import News, Tell, Worker

_PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>
PATIENCE = 1.0  # seconds that a worker without work may take to end
STOP_SECONDS = 4.0  # and one with work, once it is told to
# Processes in a row that may be ended by others, or die before they begin, while no member trains.
IN_VAIN = 30
_TOLD = (-signal.SIGTERM, 128 + signal.SIGTERM)  # how a process ends that takes no time for it


@dataclass(frozen=True)
class Job:
    """What a process is to do; its results are its members' folders."""

    members: tuple[Member, ...]
    lanes: int
    folder: Path
    command: tuple[str, ...]


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    turn: Turn | None = None
    left: dict[str, Member] = field(default_factory=dict)  # members that have not ended
    begun: bool = False  # with its turn: it has imported what that takes
    told: bool = False  # to end; a second signal would end it at once


class Processes:
    """Hands what waits to `count` processes as they get free.

    One that dies, or is told to end by somebody else, costs its members the time since their
    checkpoints; another takes its place. If this process dies, they end at once.
    """

    def __init__(self, count: int, folder: Path, command: Sequence[str], queue: Queue) -> None:
        self.count, self.folder, self.command = count, folder, tuple(command)
        self.queue = queue
        self.ending = False
        self._workers: list[_Worker] = []
        self._tried: dict[str, int] = {}  # whose process died: after which epoch
        self._in_vain = 0
        self._deadline = math.inf  # when workers that were told to end are killed

    def run(self, tell: Tell) -> None:
        """Train all that waits, or what there is until `stop`."""
        try:
            self._hand_out()
            while busy := [worker for worker in self._workers if worker.turn]:
                ready = wait([worker.pipe for worker in busy], timeout=0.5)
                for worker in busy:
                    if time.monotonic() > self._deadline:
                        worker.process.kill()
                    if worker.pipe in ready:
                        self._read(worker, tell)
                self._hand_out()
        except BaseException:
            self._end_workers(patience=0)
            raise
        self._end_workers(patience=PATIENCE)

    def stop(self) -> None:
        """End in an orderly way, soon; safe to call from a signal handler."""
        self.ending = True
        self._deadline = min(self._deadline, time.monotonic() + STOP_SECONDS)
        for worker in self._workers:
            _tell(worker)

    def _hand_out(self) -> None:
        """Give every free worker something to do, and start as many as there is work for."""
        while not self.ending:
            self._workers = [one for one in self._workers if one.turn or one.process.is_alive()]
            worker = next((one for one in self._workers if not one.turn), None)
            if worker is None and len(self._workers) == self.count:
                break
            turn = self.queue.next()
            if turn is None:
                break
            if worker is None:
                worker = _start()
                self._workers.append(worker)
            lanes = 1 if turn.single else turn.kind.lanes
            worker.turn, worker.left = turn, {one.name: one for one in turn.members}
            worker.begun = False
            with contextlib.suppress(OSError):  # it died, as its pipe will tell
                worker.pipe.send(Job(tuple(turn.members), lanes, self.folder, self.command))
        if self.ending:  # the signal may have come while a worker was starting
            for worker in self._workers:
                _tell(worker)

    def _read(self, worker: _Worker, tell: Tell) -> None:
        """What a worker says: news, its end, or what no worker can go on after."""
        try:
            said: list[News] | Exception | signal.Signals | None = worker.pipe.recv()
        except (EOFError, OSError):
            tell(self._bury(worker))
            return
        if isinstance(said, Exception):
            raise said
        if said is None or (self.ending and isinstance(said, signal.Signals)):
            worker.turn = None
        elif isinstance(said, signal.Signals):
            tell(self._bury(worker, said))
        else:
            worker.begun = True
            if any(one.epoch for one in said):
                self._in_vain = 0
            # What is interrupted by anyone but us is trained again.
            ended = [one for one in said if one.has_ended or (one.stopped and self.ending)]
            for news in ended:
                worker.left.pop(news.name, None)
            tell([one for one in said if not one.stopped or one in ended])

    def _bury(self, worker: _Worker, told: signal.Signals | None = None) -> list[News]:
        """The last word of a worker that has died, or was `told` to end by somebody else."""
        turn = worker.turn
        assert turn is not None
        self._workers.remove(worker)
        worker.turn = None
        worker.pipe.close()
        _end(worker, PATIENCE)  # so that nobody else writes what others go on with
        left = list(worker.left.values())
        if self.ending:
            return [News(one.name, "interrupted", died=True) for one in left]
        code = worker.process.exitcode
        innocent = not worker.begun or bool(told) or code in _TOLD
        if innocent:
            self._in_vain += 1
            innocent = self._in_vain <= IN_VAIN
        again = [one for one in left if innocent or self._may_try_again(one)]
        alone = turn.single or not innocent
        (self.queue.again if alone else self.queue.give_back)(turn.kind, again)
        name = signal.Signals(-code).name if code and code < 0 else f"exit status {code}"
        why = f"was told to end ({told.name})" if told else f"died ({name})"
        error = f"the process that trained this run {why}"
        failed = [one for one in left if one not in again]
        return [News(one.name, "failed", error=error, died=True) for one in failed]

    def _may_try_again(self, member: Member) -> bool:
        """Whether its process may have died by chance: once, and after each new checkpoint."""
        epoch = Restart.find(SweepFolder(self.folder).run(member)).epoch
        if epoch <= self._tried.get(member.name, -1):
            return False
        self._tried[member.name] = epoch
        return True

    def _end_workers(self, patience: float) -> None:
        for worker in self._workers:
            with contextlib.suppress(OSError):
                worker.pipe.close()  # a worker without a pipe ends
        for worker in self._workers:
            _end(worker, patience)
        self._workers = []


def _start() -> _Worker:
    context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads half
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
    with deaf_to_the_terminal():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextlib.contextmanager
def deaf_to_the_terminal() -> Iterator[None]:
    """A worker that begins inside never hears Ctrl-C: this process passes on what concerns it.

    Blocked, not ignored, so that this process hears afterwards what came meanwhile.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it would unblock them, were it started inside
    terminal = {one for one in SIGNALS if one != signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, terminal)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _tell(worker: _Worker) -> None:
    """Ask a worker to end: in the midst of a job in an orderly way, else at once."""
    if worker.process.pid and worker.process.is_alive() and not worker.told:
        worker.told = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.process.pid, signal.SIGTERM)


def _end(worker: _Worker, patience: float) -> None:
    """Wait until a worker is gone, and see to it."""
    worker.process.join(patience)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()


def _work(pipe: Connection) -> None:
    """A worker's life: jobs from the pipe, news into it, until it closes."""
    _killed_with_parent()
    threading.Thread(target=_die_with_parent, daemon=True).start()
    datasets = Datasets()
    warnings.simplefilter("ignore", MinidlWarning)  # said where the sweep was planned
    said = None
    try:
        with contextlib.suppress(EOFError, OSError), use_threads(1):
            while not isinstance(said, signal.Signals):  # or until the parent wants no more
                job: Job = pipe.recv()
                said = _carry_out(job, datasets, pipe.send)
                pipe.send(said)
    except Stopped as stopped:
        sys.exit(stopped.exit_code)


def _carry_out(
    job: Job, datasets: Datasets, tell: Callable[[list[News]], None]
) -> Exception | signal.Signals | None:
    """Train; returns what must end the whole sweep, such as a full disk, or who ended this."""
    queue = Queue([Kind(job.members, job.lanes)])
    ending = Ending()
    worker = Worker(job.folder, job.command, queue, datasets, ending, lambda news: tell(list(news)))
    with orderly_end(ending.request) as ending.received:
        tell([])
        try:
            worker.run()
        except Exception as error:
            return error
    return ending.received.signal


def _killed_with_parent() -> None:
    """On Linux the kernel ends this process with its parent, also amid a call that takes long."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _die_with_parent() -> None:
    """End when the parent is killed: another may go on with its sweep.

    Everywhere, and also if that was before this process could ask its kernel for it.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
