"""A Dask cluster as processes on this machine, for tests and a benchmark to disturb."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path


class Dask:
    """A scheduler and workers, as processes on this machine's own address."""

    def __init__(self, folder: Path, workers: int, patience: str) -> None:
        """patience: how long workers may not answer until they are taken for dead."""
        self.file, self.processes = folder / "scheduler.json", list[subprocess.Popen[bytes]]()
        self.environment = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": patience, **os.environ}
        self.scheduler = self._start("scheduler", "--port", "0")
        self.workers = [self.add_worker() for _ in range(workers)]

    def _start(self, kind: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard"]
        where = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"]
        where += ["--scheduler-file", str(self.file)]
        process = subprocess.Popen(
            [*command, *where, *options],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.processes.append(process)
        return process

    def add_worker(self) -> subprocess.Popen[bytes]:
        return self._start("worker", "--no-nanny", "--nthreads", "1", "--death-timeout", "30")

    def replace(self, number: int) -> None:
        """Kill a worker, and start another in its place."""
        worker = self.workers.pop(number)
        worker.kill()
        worker.wait()
        self.workers.append(self.add_worker())

    @property
    def address(self) -> str:
        while True:
            with contextlib.suppress(OSError, ValueError):
                return str(json.loads(self.file.read_text())["address"])
            time.sleep(0.05)

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.file.unlink(missing_ok=True)  # killed, a scheduler leaves it
