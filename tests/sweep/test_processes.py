"""Stacks in worker processes: none is left, whoever is killed."""

from __future__ import annotations

import contextlib
import csv
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sweep.helpers import members, planned, statuses
from trainings import SMALL, text_of_metrics

import minidl.sweep.run
from minidl.executors import ProcessExecutor, Update
from minidl.sweep.run import run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and groups are POSIX's")

PATIENCE = 60.0  # seconds until a test that hangs gives up; nothing here takes long


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ProcessExecutor]]:
    """The executor that `run` makes."""
    made: list[ProcessExecutor] = []

    class Seen(ProcessExecutor):
        def __init__(self, count: int) -> None:
            super().__init__(count)
            made.append(self)

    monkeypatch.setattr(minidl.sweep.run, "ProcessExecutor", Seen)
    yield made
    assert not multiprocessing.active_children()


def test_a_stack_whose_workers_die_is_halved_and_the_others_train_as_they_would_here(
    tmp_path: Path, executor: list[ProcessExecutor]
) -> None:
    """The longest goes first; three more follow, for the workers in their places too."""
    killed: dict[str, int] = {}

    def watch(update: Update) -> None:
        stack = update.job.stack
        if update.progress and stack.startswith("0") and stack not in killed:
            (worker,) = [w for w in executor[0]._workers if w.job and w.job.stack == stack]
            killed[stack] = worker.process.pid or 0
            os.kill(killed[stack], signal.SIGKILL)

    grid = ["training.epochs=1000000,3,4,5", "seed=1,2"]
    outcome = run(planned(tmp_path, *grid, jobs=2), watch=watch)
    assert killed.keys() == {"0", "0-1", "0-2"}
    assert outcome.exit_code == 1
    assert dict(outcome.counts) == {"failed": 2, "done": 6}
    for one in members(tmp_path):
        assert one.status == ("failed" if "epochs=1000000" in one.path.name else "done")
        if one.status == "failed":
            reason = "the process that trained this stack died (SIGKILL)"
            assert reason in (one.path / "error.txt").read_text()
            assert one.read_record()["reason"] == reason
    (tmp_path / "here").mkdir()
    run(planned(tmp_path / "here", "training.epochs=3,4,5", "seed=1,2", jobs=1, stack=2))
    done = [one for one in members(tmp_path) if one.status == "done"]
    for mine, theirs in zip(members(tmp_path / "here"), done, strict=True):
        assert text_of_metrics(mine) == text_of_metrics(theirs)


def test_a_failure_stops_the_other_workers_if_asked_to(
    tmp_path: Path, executor: list[ProcessExecutor]
) -> None:
    running: set[str] = set()
    killed: list[int] = []

    def watch(update: Update) -> None:
        if update.progress:
            running.add(update.job.stack)
        if len(running) == 2 and not killed:
            killed.append(executor[0]._workers[0].process.pid or 0)
            os.kill(killed[0], signal.SIGKILL)

    plan = planned(tmp_path, "training.epochs=1000000,999999,3", jobs=2)
    outcome = run(plan, fail_fast=True, watch=watch)
    assert outcome.exit_code == 1
    assert dict(outcome.counts) == {"failed": 1, "interrupted": 1, "missing": 1}


# A whole `minidl sweep`, in a session of its own.

MINIDL = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from minidl_cli.main import main; main()"
)


class Sweeping:
    """`minidl sweep` in a process group of its own, training two endless stacks."""

    def __init__(self, folder: Path, *overrides: str) -> None:
        self.folder = folder
        config = folder / "small.yaml"
        config.write_text(SMALL)
        command = [sys.executable, "-c", MINIDL, "sweep", config, *overrides]
        options = ["--runs-dir", folder / "runs", "--device", "cpu", "--jobs", "2"]
        self.process = subprocess.Popen(
            [*map(str, command), *map(str, options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for_checkpoints(self) -> None:
        def trained() -> bool:
            assert self.process.poll() is None, self.process.communicate()
            return len(list(self.folder.rglob("stack-*.safetensors"))) == 2

        until(trained)

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=PATIENCE)
        until(self.is_gone)
        return self.process.returncode, out, err

    def is_gone(self) -> bool:
        """Whether no process of its group is left."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False


@pytest.fixture
def sweeping(tmp_path: Path) -> Iterator[Sweeping]:
    grid = ["training.epochs=1000000,999999", "training.checkpoint_every=100"]
    started = Sweeping(tmp_path, *grid)
    try:
        started.wait_for_checkpoints()
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.process.pid, signal.SIGKILL)
        started.process.communicate()


def test_ctrl_c_ends_all_processes_and_leaves_checkpoints(
    sweeping: Sweeping, tmp_path: Path
) -> None:
    os.killpg(sweeping.process.pid, signal.SIGINT)  # a terminal sends it to the workers too
    code, out, err = sweeping.end()
    assert (code, out) == (130, f"{tmp_path / 'runs' / 'small'}\n")
    assert "2 interrupted" in err
    assert "Traceback" not in err
    assert statuses(tmp_path) == ["interrupted", "interrupted"]
    for one in members(tmp_path):
        record = one.read_record()
        finished = one.load_checkpoint("last")[1]["finished"]
        assert record["epochs"] == finished == one.read_columns()["epoch"][-1]
    with (tmp_path / "runs" / "small" / "results.csv").open(newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["interrupted"] * 2


def test_ctrl_c_twice_ends_it_too(sweeping: Sweeping) -> None:
    """Sent to the sweep alone, as another program would."""
    for _ in range(2):
        os.kill(sweeping.process.pid, signal.SIGINT)
        time.sleep(0.05)
    code, _, err = sweeping.end()
    assert code == 130
    assert "Traceback" not in err


def test_workers_end_when_the_sweep_is_killed(sweeping: Sweeping) -> None:
    sweeping.process.kill()
    sweeping.process.wait()
    until(sweeping.is_gone)
