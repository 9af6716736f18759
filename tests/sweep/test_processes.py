"""Stacks in worker processes: none is left, whoever is killed."""

from __future__ import annotations

import contextlib
import csv
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attempts import TIMES
from sweep.helpers import members, planned, statuses, sweep
from trainings import SMALL, text_of_metrics

import minidl.sweep.run
from minidl.executors import Job, ProcessExecutor, Update, processes
from minidl.sweep.run import run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and groups are POSIX's")

PROMISED = 5.0  # seconds from a signal to the end
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
    """Twice without a new checkpoint. The longest goes first; more follow in their places."""
    killed: dict[str, set[int]] = defaultdict(set)

    def watch(update: Update) -> None:
        stack = update.job.stack
        if update.progress and stack.startswith("0"):
            (worker,) = [w for w in executor[0]._workers if w.job and w.job.stack == stack]
            killed[stack].add(worker.process.pid or 0)
            os.kill(worker.process.pid or 0, signal.SIGKILL)

    grid = ["training.epochs=1000000,3,4,5", "seed=1,2"]
    outcome = run(planned(tmp_path, *grid, jobs=2), watch=watch)
    assert {stack: len(pids) for stack, pids in killed.items()} == {"0": 2, "0-1": 2, "0-2": 2}
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


@pytest.mark.parametrize("moment", [pytest.param(1, marks=pytest.mark.slow), 30])
def test_a_stack_whose_worker_is_killed_ends_as_one_that_nobody_killed(
    moment: int, tmp_path: Path, executor: list[ProcessExecutor]
) -> None:
    """Before its first checkpoint and later, when members have ended in it."""
    killed: list[int] = []
    again: list[int] = []

    def watch(update: Update) -> None:
        again.extend(len(part.members) for part in update.parts)
        if update.progress and update.progress.epoch >= moment and not killed:
            (worker, *_) = executor[0]._workers
            killed.append(worker.process.pid or 0)
            os.kill(killed[0], signal.SIGKILL)

    grid = (
        *("optimizer.lr=0.001,0.1,0.5", "seed=1,2", "training.epochs=500"),
        *("training.checkpoint_every=10", "training.stop_at={metric: train_loss, value: 0.1}"),
        "training.early_stopping={metric: train_loss, patience: 100}",
    )
    plan = planned(tmp_path, *grid, jobs=1, stack=6)
    plan.processes = 2
    outcome = run(plan, watch=watch)
    assert (outcome.exit_code, outcome.counts["done"], len(killed)) == (0, 6, 1)
    assert len(again) == 1  # whole: small networks end in the same bits in halves too, by chance
    (tmp_path / "here").mkdir()
    run(planned(tmp_path / "here", *grid, jobs=1, stack=6))
    for mine, theirs in zip(members(tmp_path / "here"), members(tmp_path), strict=True):
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

# While other tests take the cores, an orderly end may take longer than is promised.
MINIDL = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    f"from minidl.executors import processes; processes.STOP_SECONDS = {2 * PROMISED}; "
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
            return len(list(self.folder.rglob("stack-?.safetensors"))) == 2

        until(trained)

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=PATIENCE)
        until(self.is_gone)
        return self.process.returncode, out, err

    def wait_for_workers(self) -> None:
        """Until the first is started: the child process before it is Python's resource tracker."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        until(lambda: self.process.poll() is not None or len(children.read_text().split()) > 1)

    def kill(self) -> None:
        """All that is left of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

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
        started.kill()


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


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    ("moment", "number"),
    [
        pytest.param(0.0, signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(0.02, signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(0.5, signal.SIGTERM),
        pytest.param(1.5, signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(2.5, signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_a_signal_while_the_workers_start_leaves_none(
    moment: float, number: signal.Signals, tmp_path: Path
) -> None:
    """Seconds after the first was started: it imports, it gets its job, it builds, it trains."""
    started = Sweeping(tmp_path, "training.epochs=1000000,999999")
    try:
        started.wait_for_workers()
        time.sleep(moment)
        began = time.monotonic()
        os.kill(started.process.pid, number)
        assert started.end()[0] == 128 + number
        assert time.monotonic() - began < 4 * PROMISED  # other tests may take the cores
    finally:
        started.kill()
    assert set(statuses(tmp_path)) <= {"interrupted"}


def test_a_stop_while_a_job_is_handed_over_that_no_pipe_holds(tmp_path: Path) -> None:
    """A worker reads it once it has imported what it needs: until then the sender waits."""
    executor, seen = ProcessExecutor(1), list[str]()
    before = signal.signal(signal.SIGUSR1, lambda *_: executor.stop())
    sender = threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGUSR1])
    sender.start()
    try:
        large = Job("0", (), tmp_path, ("x" * 2**20,))
        executor.run([large], lambda update: seen.append(update.kind))
    finally:
        sender.join()
        signal.signal(signal.SIGUSR1, before)
    assert seen == ["interrupted"]


def test_a_worker_that_does_not_end_is_killed(
    tmp_path: Path, executor: list[ProcessExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.3)

    def watch(update: Update) -> None:
        if update.progress:  # stopped workers hear nothing
            for worker in executor[0]._workers:
                os.kill(worker.process.pid or 0, signal.SIGSTOP)
            signal.raise_signal(signal.SIGTERM)

    outcome = run(planned(tmp_path, "training.epochs=1000000,999999", jobs=2), watch=watch)
    assert outcome.exit_code == 143
    assert set(statuses(tmp_path)) == {"interrupted"}


@pytest.mark.slow
@pytest.mark.torture
@pytest.mark.timeout(240 * TIMES)
def test_killed_with_its_workers_it_goes_on_to_the_same_end(tmp_path: Path) -> None:
    """SIGKILL for the whole group, at random; then the same command again."""
    grid = ["seed=0,1,2,3", "training.epochs=1500", "training.checkpoint_every=20"]
    dice = random.Random(0)
    for _ in range(2 * TIMES):
        started = Sweeping(tmp_path, *grid)
        started.wait_for_workers()
        with contextlib.suppress(subprocess.TimeoutExpired):
            started.process.wait(timeout=dice.uniform(1, 5))
        started.kill()
    assert sweep(tmp_path, *grid, options=["--jobs", 2]).code == 0
    (tmp_path / "whole").mkdir()
    assert sweep(tmp_path / "whole", *grid, options=["--jobs", 2]).code == 0
    assert statuses(tmp_path) == ["done"] * 4
    for mine, whole in zip(members(tmp_path), members(tmp_path / "whole"), strict=True):
        assert mine.read_record()["stack"] == 2
        assert text_of_metrics(mine) == text_of_metrics(whole)
        own, expected = (one.load_checkpoint("last")[0] for one in (mine, whole))
        assert all((own[name] == expected[name]).all() for name in expected)


def test_workers_end_when_the_sweep_is_killed(sweeping: Sweeping) -> None:
    sweeping.process.kill()
    sweeping.process.wait()
    until(sweeping.is_gone)
