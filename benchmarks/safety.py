"""What it costs that nothing is lost: checkpoints, checksums, fsyncs, metrics, lock, record.

    OMP_NUM_THREADS=1 python benchmarks/safety.py [CONFIG] [--repeats N]

Times everything that a run does for its folder while it trains (its figures and predictions, which
are results, aside) and compares it with the time in training steps.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

from minidl import execute as execution
from minidl.execute import execute
from minidl.runs import RunFolder
from minidl.spec import load_spec

CALLS = ("create_at", "append_metrics", "save_checkpoint", "save_last", "write_record")


class Clock:
    """Adds up the time in functions, those that call one another counted once."""

    def __init__(self) -> None:
        self.seconds, self.calls, self._inside = 0.0, 0, False

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if self._inside:
                return function(*arguments, **options)
            self._inside, started = True, time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                self.seconds += time.perf_counter() - started
                self.calls, self._inside = self.calls + 1, False

        return call

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Time what a run folder is asked for, and the lock."""
        locked = execution.locked

        @contextmanager
        def timed_lock(path: Path) -> Iterator[None]:
            lock = locked(path)
            self.timed(lock.__enter__)()
            yield
            self.timed(lock.__exit__)(None, None, None)

        patches = [
            mock.patch.object(RunFolder, name, self.timed(getattr(RunFolder, name)))
            for name in CALLS
        ]
        patches.append(mock.patch.object(execution, "locked", timed_lock))
        for patch in patches:
            patch.start()
        try:
            yield
        finally:
            for patch in patches:
                patch.stop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("config", nargs="?", type=Path, default=Path("configs/relu_mse_sgd.yaml"))
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    spec, shares = load_spec(options.config), []
    with tempfile.TemporaryDirectory(dir=".") as folder, mock.patch("minidl.report.draw_run"):
        for _ in range(options.repeats):
            clock = Clock()
            with clock.watching():
                record = execute(spec, runs_dir=Path(folder)).run.record
            shares.append(clock.seconds / record["train_seconds"])
            print(
                f"{1000 * clock.seconds:6.1f} ms in {clock.calls} calls for safety, "
                f"{record['train_seconds']:.2f} s in training steps, "
                f"{record['seconds']:.2f} s in all: {100 * shares[-1]:.1f} %"
            )
    print(f"median {100 * median(shares):.1f} % of the time in training steps")


if __name__ == "__main__":
    main()
