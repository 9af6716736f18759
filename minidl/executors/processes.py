"""Local processes, each with one torch thread: one per core."""

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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from minidl.executors.base import Job, Update, Watch, run_job
from minidl.signals import SIGNALS, Stopped

_PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>
PATIENCE = 1.0  # seconds that a worker without work may take to end
STOP_SECONDS = 4.0  # and one with work, once it is told to


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    job: Job | None = None
    told: bool = False  # to end; a second signal would end it at once


class ProcessExecutor:
    """Hands jobs to `count` worker processes as they get free.

    A worker that dies costs its job, which counts as failed; another worker takes its place. If
    this process dies, they end at once.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._workers: list[_Worker] = []
        self._waiting: list[Job] = []  # the next one last
        self._stopping = False
        self._deadline = math.inf  # when workers that were told to end are killed

    def run(self, jobs: Sequence[Job], watch: Watch) -> None:
        self.add(jobs)
        try:
            self._hand_out()
            while busy := [worker for worker in self._workers if worker.job]:
                ready = wait([worker.pipe for worker in busy], timeout=0.5)
                for worker in busy:
                    if time.monotonic() > self._deadline:
                        worker.process.kill()
                    if worker.pipe in ready:
                        self._read(worker, watch)
                self._hand_out()
        except BaseException:
            self._end_workers(patience=0)
            raise
        self._end_workers(patience=PATIENCE)

    def add(self, jobs: Sequence[Job]) -> None:
        self._waiting += reversed(jobs)

    def stop(self) -> None:
        self._stopping = True
        self._deadline = min(self._deadline, time.monotonic() + STOP_SECONDS)
        for worker in self._workers:
            _tell(worker)

    def _hand_out(self) -> None:
        """Give every free worker a job, and start as many workers as there is work for."""
        while self._waiting and not self._stopping:
            worker = next((one for one in self._workers if not one.job), None)
            if worker is None:
                if len(self._workers) == self.count:
                    return
                worker = _start()
                self._workers.append(worker)
            worker.job = self._waiting.pop()
            with contextlib.suppress(OSError):  # it died, as its pipe will tell
                worker.pipe.send(worker.job)
        if self._stopping:  # the signal may have come while a worker was starting
            for worker in self._workers:
                _tell(worker)

    def _read(self, worker: _Worker, watch: Watch) -> None:
        assert worker.job is not None
        try:
            update: Update = worker.pipe.recv()
        except (EOFError, OSError):
            update = self._bury(worker)
        if update.kind != "progress":
            worker.job = None
        watch(update)

    def _bury(self, worker: _Worker) -> Update:
        """A dead worker's last word."""
        worker.process.join(PATIENCE)
        job, code = worker.job, worker.process.exitcode
        assert job is not None
        self._workers.remove(worker)
        worker.pipe.close()
        if self._stopping:
            return Update(job, "interrupted")
        name = signal.Signals(-code).name if code and code < 0 else f"exit status {code}"
        error = f"the process that trained this stack died ({name})"
        return Update(job, "failed", error=error, died=True)

    def _end_workers(self, patience: float) -> None:
        for worker in self._workers:
            with contextlib.suppress(OSError):
                worker.pipe.close()  # a worker without a pipe ends
        for worker in self._workers:
            worker.process.join(patience)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers = []


def _start() -> _Worker:
    context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads half
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
    with _deaf_to_the_terminal():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextlib.contextmanager
def _deaf_to_the_terminal() -> Iterator[None]:
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


def _work(pipe: Connection) -> None:
    """A worker's life: jobs from the pipe, updates into it, until it closes."""
    _killed_with_parent()
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError, Stopped):  # the parent wants no more
        while True:
            run_job(pipe.recv(), pipe.send)


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
