"""Local processes, each with one torch thread: one per core."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from minidl.executors.base import Job, Update, Watch, run_job
from minidl.signals import SIGNALS


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    job: Job | None = None


class ProcessExecutor:
    """Hands jobs to `count` worker processes as they get free.

    A worker that dies costs its job, which counts as failed; another takes its place. If this
    process dies, the workers find their pipes closed and end.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._workers: list[_Worker] = []
        self._stopping = False

    def run(self, jobs: Sequence[Job], watch: Watch) -> None:
        waiting = list(reversed(jobs))
        try:
            self._workers = [_start() for _ in range(min(self.count, len(jobs)))]
            for worker in self._workers:
                _give(worker, waiting)
            while any(worker.job for worker in self._workers):
                busy = [worker for worker in self._workers if worker.job]
                ready = wait([worker.pipe for worker in busy], timeout=1.0)
                for worker in busy:
                    if worker.pipe in ready:
                        self._read(worker, waiting, watch)
                if self._stopping:
                    waiting.clear()
        except BaseException:
            self._end_workers(patience=0)
            raise
        self._end_workers(patience=5)

    def stop(self) -> None:
        self._stopping = True
        for worker in self._workers:
            if worker.process.pid and worker.process.is_alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.process.pid, signal.SIGTERM)

    def _read(self, worker: _Worker, waiting: list[Job], watch: Watch) -> None:
        assert worker.job is not None
        try:
            update: Update = worker.pipe.recv()
        except (EOFError, OSError):
            update = self._replace(worker)
        watch(update)
        if update.kind != "progress":
            worker.job = None
            if not self._stopping:
                _give(worker, waiting)

    def _replace(self, worker: _Worker) -> Update:
        """A dead worker's last word, and another in its place."""
        worker.process.join(5)
        job, code = worker.job, worker.process.exitcode
        assert job is not None
        if not self._stopping:
            fresh = _start()
            worker.process, worker.pipe = fresh.process, fresh.pipe
        if self._stopping:
            return Update(job, "interrupted")
        name = signal.Signals(-code).name if code and code < 0 else f"exit status {code}"
        return Update(job, "failed", error=f"the process that trained this stack died ({name})")

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
    # A worker begins deaf to the terminal's signals: this process passes on what concerns it.
    before = {one: signal.signal(one, signal.SIG_IGN) for one in SIGNALS if one != signal.SIGTERM}
    try:
        process.start()
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    theirs.close()
    return _Worker(process, ours)


def _give(worker: _Worker, waiting: list[Job]) -> None:
    if waiting:
        worker.job = waiting.pop()
        worker.pipe.send(worker.job)


def _work(pipe: Connection) -> None:
    """A worker's life: jobs from the pipe, updates into it, until it closes."""
    with contextlib.suppress(EOFError, OSError):  # the parent is gone, or wants no more
        while True:
            run_job(pipe.recv(), pipe.send)
