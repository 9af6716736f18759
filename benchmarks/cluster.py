"""Kill a Dask cluster's workers under a sweep: does every member end once, with the local bytes?

    python benchmarks/cluster.py [--members 200] [--kills 20] [--epochs 30000]

Trains a sweep here, undisturbed; then the same one over three workers, of which one after another
is killed (SIGKILL) and replaced while they write. One is stopped (SIGSTOP) until the scheduler has
given its members to others, and then goes on (SIGCONT). Half-way the scheduler is killed; the same
command goes on with another. Compares the members as benchmarks/kills.py does, and looks for ports
that are open beyond this machine, and for processes that are left.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import psutil
import typer
from kills import Sweep, ends

sys.path.append(str(Path(__file__).parent.parent / "tests"))

from dask_processes import Dask

WORKERS = 3
PATIENCE = "8s"  # after which a worker that doesn't answer is taken for dead


def main(
    members: Annotated[int, typer.Option(min=12, help="Runs of the sweep.")] = 200,
    kills: Annotated[int, typer.Option(min=2, help="SIGKILLs of workers.")] = 20,
    epochs: Annotated[int, typer.Option(min=100, help="Of each run.")] = 30_000,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 0,
) -> None:
    """Disturb a cluster, and count what is lost, done twice, or other than undisturbed."""
    random.seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        raise typer.Exit(1 if Clustered(Path(folder), members, epochs).tried(kills) else 0)


class Clustered(Sweep):
    """A sweep over the workers of a cluster."""

    name = "clustered"

    def __init__(self, folder: Path, members: int, epochs: int) -> None:
        super().__init__(folder, members, epochs, every=epochs // 20)
        self.evaluated = f"training.eval_every={epochs // 20}"
        self.open: set[str] = set()  # addresses at which somebody listened

    def tried(self, kills: int) -> int:
        if self.begin("calm", self.evaluated).wait() != 0:
            raise SystemExit((self.folder / "messages").read_text(encoding="utf-8"))
        self.killed, self.stopped, wrong, code = 0, False, 0, 1
        for most in (kills // 2, kills):
            dask = Dask(self.folder, WORKERS, PATIENCE)
            process = self.begin("hurt", self.evaluated, "--cluster", dask.address)
            try:
                ended = self.disturb(dask, process, most)
                if most < kills:
                    dask.scheduler.kill()
                code = process.wait()
            finally:
                process.kill()
                dask.end()
            wrong += self.written_again(ended)
            done = len(ends(self.folder / "hurt" / "swept"))
            print(f"{self.killed} kills so far, {done} done; the command ended with {code}")
        left = psutil.Process().children(recursive=True)
        beyond = self.open - {"127.0.0.1", "::1"}
        print(f"one stopped and continued: {self.stopped}; processes left: {len(left)}")
        print(f"addresses listened at: {', '.join(sorted(self.open))}")
        failed = (code != 0) + (self.killed != kills) + (not self.stopped)
        return wrong + failed + len(left) + len(beyond) + self.differences()

    def disturb(self, dask: Dask, process: subprocess.Popen[bytes], most: int) -> dict[str, int]:
        """Kill workers; the first time, stop one. Returns who had ended before the last kill."""
        ended = dict[str, int]()
        while self.killed < most and self.wait_until_busy(process):
            self.listen(dask, process.pid)
            wrote = ends(self.folder / "hurt" / "swept")
            if self.written_again(ended):
                return ended
            ended = wrote
            if self.killed and not self.stopped:
                self.stopped = self.stop_one(dask.workers[0], process)
            dask.replace(random.randrange(WORKERS))
            self.killed += 1
        return ended

    def stop_one(self, worker: subprocess.Popen[bytes], process: subprocess.Popen[bytes]) -> bool:
        """Stop a worker until another has its members, and let it come back.

        Returns whether it came to that: a lease was taken by another.
        """
        worker.send_signal(signal.SIGSTOP)
        before, taken = self.leases(), False
        deadline = time.monotonic() + 60
        while not taken and time.monotonic() < deadline and process.poll() is None:
            now = self.leases()
            taken = any(now.get(name, 0) > count > 0 for name, count in before.items())
            time.sleep(0.05)
        time.sleep(1)  # the other writes
        worker.send_signal(signal.SIGCONT)
        time.sleep(2)  # and this one tries to
        return taken

    def leases(self) -> dict[str, int]:
        """How often each was taken."""
        found = {}
        for path in (self.folder / "hurt" / "swept" / ".leases").glob("*"):
            with contextlib.suppress(OSError, ValueError):
                found[path.name] = int(json.loads(path.read_bytes())["taken"])
        return found

    def listen(self, dask: Dask, pid: int) -> None:
        """Note at which addresses anybody of ours listens."""
        for one in (pid, *(process.pid for process in dask.processes)):
            with contextlib.suppress(psutil.Error):
                for found in psutil.Process(one).net_connections(kind="inet"):
                    if found.status == psutil.CONN_LISTEN:
                        self.open.add(found.laddr.ip)


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    typer.run(main)
