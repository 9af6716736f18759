"""What it costs that nothing is lost: checkpoints, checksums, fsyncs, metrics, lock, record.

    OMP_NUM_THREADS=1 python benchmarks/safety.py [CONFIG] [--repeats N]

Times everything that a run does for its folder while it trains (its figures and predictions, which
are results, aside) and compares it with the time in training steps. How long an fsync takes is up
to the disk and to who else uses it: that is said apart.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

from minidl.runs import execute as execution
from minidl.runs.execute import execute
from minidl.spec import load_spec
from minidl.store.run_folder import RunFolder

_fsync = os.fsync
CALLS = ("create_at", "append_metrics", "save_checkpoint", "save_last", "write_record")


class Clock:
    """Adds up the time in functions, those that call one another counted once."""

    def __init__(self) -> None:
        self.seconds, self.calls, self._inside = 0.0, 0, False
        self.forcing, self.forced = 0.0, 0  # seconds in, and number of, fsyncs

    def fsync(self, handle: int) -> None:
        """Stands in for os.fsync."""
        started = time.perf_counter()
        _fsync(handle)
        if self._inside:
            self.forcing += time.perf_counter() - started
            self.forced += 1

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
        locked = execution.locked  # type: ignore[attr-defined]

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
        patches.append(mock.patch.object(os, "fsync", self.fsync))
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
    with (
        tempfile.TemporaryDirectory(dir=".") as folder,
        mock.patch("minidl.report.figures.plots.draw_run"),
    ):
        for _ in range(options.repeats):
            clock = Clock()
            with clock.watching():
                record = execute(spec, runs_dir=Path(folder)).run.record
            own = clock.seconds - clock.forcing
            steps = record.train_seconds or 0.0
            shares.append((clock.seconds / steps, own / steps))
            print(
                f"{1000 * clock.seconds:6.1f} ms for safety, {1000 * clock.forcing:.1f} of them in "
                f"{clock.forced} fsyncs; {steps:.2f} s in training steps: "
                f"{100 * shares[-1][0]:.1f} %, without fsync {100 * shares[-1][1]:.1f} %"
            )
    both = [100 * median(column) for column in zip(*shares, strict=True)]
    print(f"median {both[0]:.1f} % of the time in training steps, without fsync {both[1]:.1f} %")


if __name__ == "__main__":
    main()
