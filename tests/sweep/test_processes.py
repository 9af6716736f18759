"""Several workers, as threads or as processes: none is left, whoever is killed."""

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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from attempts import ALL, TIMES
from sweep.helpers import assert_same, members, planned, statuses, sweep
from trainings import SMALL, spec

from minidl.errors import WriteError
from minidl.runs.member import MemberRun
from minidl.spec import Member
from minidl.store import system
from minidl.sweep import processes
from minidl.sweep.folder import SweepFolder
from minidl.sweep.processes import Processes
from minidl.sweep.queue import Kind, Queue
from minidl.sweep.run import run
from minidl.sweep.worker import News
from minidl.train.trainer import Epoch

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="signals and groups are POSIX's"),
    pytest.mark.filterwarnings("ignore:trains by plain"),
]

PROMISED = 5.0  # seconds from a signal to the end
PATIENCE = 60.0  # seconds until a test that hangs gives up; nothing here takes long


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Processes]]:
    """As if there were no compiler: workers are processes; returns those that hand out the work."""
    made: list[Processes] = []

    class Seen(Processes):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setattr("minidl.sweep.run.Processes", Seen)
    yield made
    assert not multiprocessing.active_children()


def slowly(*values: Any) -> Any:
    return pytest.param(*values, marks=pytest.mark.slow)


def worker_of(made: list[Processes], name: str) -> int:
    """The process that trains a member."""
    (worker,) = [one for one in made[0]._workers if name in one.left]
    return worker.process.pid or 0


def test_members_in_processes_leave_what_they_would_leave_here(
    tmp_path: Path, plain: list[Processes]
) -> None:
    grid = ["training.epochs=3,4", "seed=1,2"]
    assert run(planned(tmp_path, *grid, jobs=2)).exit_code == 0
    assert len(plain) == 1
    (tmp_path / "here").mkdir()
    run(planned(tmp_path / "here", *grid, jobs=1))
    assert_same(tmp_path, tmp_path / "here")


@pytest.mark.slow
def test_a_member_whose_process_dies_twice_has_failed_and_the_others_go_on(
    tmp_path: Path, plain: list[Processes]
) -> None:
    """Without a new checkpoint in between. More follow in the places of those that died."""
    killed: dict[str, set[int]] = defaultdict(set)

    def watch(news: Sequence[News]) -> None:
        for one in news:
            if one.epochs == 1000000 and one.status == "running":
                pid = worker_of(plain, one.name)
                killed[one.name].add(pid)
                os.kill(pid, signal.SIGKILL)

    outcome = run(planned(tmp_path, "training.epochs=1000000,3,4,5", jobs=2), watch=watch)
    assert [len(pids) for pids in killed.values()] == [2]
    assert outcome.exit_code == 1
    assert dict(outcome.counts) == {"failed": 1, "done": 3}
    for one in members(tmp_path):
        assert one.status == ("failed" if "epochs=1000000" in one.path.name else "done")
        if one.status == "failed":
            reason = "the process that trained this run died (SIGKILL)"
            assert reason in (one.path / "error.txt").read_text()
            assert one.read_record().reason == reason


# All that end a process, or would by default; a worker is deaf to Ctrl-C and SIGHUP.
DEADLY = signal.valid_signals() - {
    *(signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT),
    *(signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGPIPE),
}
SIGNALS = sorted(DEADLY - set(range(signal.SIGRTMIN + 1, signal.SIGRTMAX)))


@pytest.mark.timeout(480)
@pytest.mark.parametrize(
    ("moment", "numbers"),
    [
        slowly(30, [signal.SIGTERM]),
        (1, [signal.SIGTERM]),
        slowly(1, [signal.SIGKILL]),
        slowly(30, SIGNALS if ALL else SIGNALS[::6]),
    ],
)
def test_members_whose_processes_are_ended_end_as_if_nobody_had(
    moment: int, numbers: Sequence[int], tmp_path: Path, plain: list[Processes]
) -> None:
    """By another program, one after another: before their first checkpoints, or later."""
    left, reached = [*numbers], dict[str, int]()
    ended: list[str] = []

    def watch(news: Sequence[News]) -> None:
        ended.extend(one.name for one in news if one.stopped)
        for one in news:
            if one.status == "running" and one.epoch >= reached.get(one.name, 0) + moment and left:
                reached[one.name] = one.epoch
                with contextlib.suppress(ValueError):  # it may be between two
                    os.kill(worker_of(plain, one.name), left.pop())

    # So many that none ends before its turn has come.
    epochs = 400 if len(numbers) == 1 else 10_000
    grid = ("seed=1,2,3", f"training.epochs={epochs}", "training.checkpoint_every=10")
    outcome = run(planned(tmp_path, *grid, jobs=2), watch=watch)
    assert (outcome.exit_code, outcome.counts["done"], left) == (0, 3, [])
    assert len(ended) == len(set(ended)) == 3
    (tmp_path / "here").mkdir()
    run(planned(tmp_path / "here", *grid, jobs=1))
    assert_same(tmp_path, tmp_path / "here")


@pytest.mark.slow
def test_processes_that_die_before_they_begin_are_not_held_against_their_members(
    tmp_path: Path, plain: list[Processes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not forever."""
    born: list[int] = []
    start = processes._start

    def stillborn() -> Any:
        worker = start()
        born.append(worker.process.pid or 0)
        if len(born) <= most:
            os.kill(born[-1], signal.SIGTERM)  # it imports torch
        return worker

    monkeypatch.setattr(processes, "_start", stillborn)
    monkeypatch.setattr(processes, "IN_VAIN", 3)
    most = 3
    outcome = run(planned(tmp_path, "seed=1,2", jobs=2))
    assert (outcome.exit_code, outcome.counts["done"], len(born)) == (0, 2, 5)
    most = 1000
    outcome = run(planned(tmp_path, "seed=1,2,3,4", jobs=2))
    assert (outcome.exit_code, outcome.counts["failed"]) == (1, 2)
    assert "died (SIGTERM)" in outcome.errors[0]


def test_a_sweep_that_leaves_anything_without_a_result_ends_with_1_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ended a worker early."""
    monkeypatch.setattr("minidl.sweep.run.run_threads", lambda *_: None)
    ended = sweep(tmp_path, "seed=1,2,3", options=["--jobs", 2, "--quiet"])
    assert ended.code == 1
    assert f"3 missing: to go on: minidl resume {tmp_path / 'runs' / 'small'}" in ended.err


@pytest.mark.slow
def test_a_failure_stops_the_other_processes_if_asked_to(
    tmp_path: Path, plain: list[Processes]
) -> None:
    running: set[str] = set()
    killed: list[int] = []

    def watch(news: Sequence[News]) -> None:
        running.update(one.name for one in news if one.status == "running")
        if len(running) == 2:
            for one in news:
                if one.status == "running" and len(killed) < 2 and one.epochs == 1000000:
                    killed.append(worker_of(plain, one.name))
                    os.kill(killed[-1], signal.SIGKILL)

    grid = ["training.epochs=1000000,999999,3"]
    outcome = run(planned(tmp_path, *grid, jobs=2), fail_fast=True, watch=watch)
    assert outcome.exit_code == 1
    assert dict(outcome.counts) == {"failed": 1, "interrupted": 1, "missing": 1}


def test_each_temporary_file_of_another_worker_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one clears away may be what another is just writing."""
    removed: list[str] = []
    workers: set[int] = set()
    made: dict[str, int] = {}

    def noted(operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        workers.add(threading.get_ident())
        if operation is os.open and str(arguments[0]).endswith(".tmp"):
            made[str(arguments[0])] = threading.get_ident()
        owner = str(getattr(operation, "__self__", ""))
        if made.get(owner, threading.get_ident()) != threading.get_ident():
            removed.append(owner)
        return operation(*arguments, **options)

    monkeypatch.setattr(system, "disk", noted)
    grid = ["optimizer.lr=0.1,0.01", "seed=0,1,2,3", "training.checkpoint_every=1"]
    outcome = run(planned(tmp_path, *grid, "training.epochs=9", jobs=3, stack=2))
    assert dict(outcome.counts) == {"done": 8}
    assert len(workers) > 2
    assert removed == []


# Threads.


def test_a_failure_stops_the_other_threads_if_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epoch_ended = MemberRun.epoch_ended

    def broken(run: MemberRun, epoch: Epoch) -> None:
        if run.spec.seed == 0 and epoch.number == 50:
            raise ValueError("a bug")
        epoch_ended(run, epoch)

    monkeypatch.setattr(MemberRun, "epoch_ended", broken)
    grid = ["loss=mse,cross_entropy", "seed=0,1,2", "training.epochs=1000000"]
    outcome = run(planned(tmp_path, *grid, jobs=2, stack=1), fail_fast=True)
    assert outcome.exit_code == 1
    assert outcome.counts["failed"] == 1
    assert set(outcome.counts) <= {"failed", "interrupted", "missing"}


def test_what_no_worker_can_go_on_after_ends_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a disk that doesn't even take the reason of a failure."""

    def full(*_: object) -> None:
        raise WriteError("no space left on device")

    monkeypatch.setattr(MemberRun, "epoch_ended", full)
    monkeypatch.setattr(SweepFolder, "write_error", full)
    with pytest.raises(WriteError, match="no space left"):
        run(planned(tmp_path, "loss=mse,cross_entropy", "seed=0,1,2", jobs=2))


# A whole `minidl sweep`, in a session of its own.

# While other tests take the cores, an orderly end may take longer than is promised.
MINIDL = (
    "import signal; from minidl_cli.main import _leave; signal.signal(signal.SIGINT, _leave); "
    f"from minidl.sweep import processes; processes.STOP_SECONDS = {2 * PROMISED}; "
    "from minidl_cli.main import main; main()"
)


class Sweeping:
    """`minidl sweep` in a process group of its own, with two workers."""

    def __init__(self, folder: Path, *overrides: str, plain: bool = False) -> None:
        self.folder, self.err = folder, ""
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
            env={**os.environ, **({"CC": "no-such-compiler"} if plain else {})},
        )

    def wait_for_checkpoints(self) -> None:
        def trained() -> bool:
            assert self.process.poll() is None, self.process.communicate()
            return len(list(self.folder.glob("runs/small/*/checkpoints/last.safetensors"))) == 2

        until(trained)

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=PATIENCE)
        until(self.is_gone)
        return self.process.returncode, out, err

    def wait_for_workers(self) -> None:
        """Until the first is started."""
        until(lambda: self.process.poll() is not None or bool(self.workers()))

    def workers(self) -> list[int]:
        """Those of its processes that are there; the first child is Python's resource tracker."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        return [int(word) for word in children.read_text().split()[1:]] if children.exists() else []

    def kill(self) -> None:
        """All that is left of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        _, self.err = self.process.communicate()

    def is_gone(self) -> bool:
        """Whether no process of its group is left."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False


THREADS, PROCESSES = "threads", "processes"


def by(*workers: Any) -> pytest.MarkDecorator:
    """What trains a test's sweep."""
    return pytest.mark.parametrize("sweeping", workers, indirect=True)


@pytest.fixture
def sweeping(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Sweeping]:
    grid = ["training.epochs=1000000,999999", "training.checkpoint_every=100"]
    started = Sweeping(tmp_path, *grid, plain=request.param == PROCESSES)
    try:
        started.wait_for_checkpoints()
        yield started
    finally:
        started.kill()


@by(THREADS, slowly(PROCESSES))
def test_ctrl_c_ends_all_workers_and_leaves_checkpoints(sweeping: Sweeping, tmp_path: Path) -> None:
    os.killpg(sweeping.process.pid, signal.SIGINT)  # a terminal sends it to the workers too
    code, out, err = sweeping.end()
    assert (code, out) == (130, f"{tmp_path / 'runs' / 'small'}\n")
    assert "2 interrupted" in err
    assert "Traceback" not in err
    assert statuses(tmp_path) == ["interrupted", "interrupted"]
    for one in members(tmp_path):
        record = one.read_record()
        finished = one.load_checkpoint("last")[1]["finished"]
        assert record.epochs == finished == one.read_columns()["epoch"][-1]
    with (tmp_path / "runs" / "small" / "results.csv").open(newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["interrupted"] * 2


@by(THREADS, slowly(PROCESSES))
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
        pytest.param(0.02, signal.SIGINT),
        pytest.param(0.5, signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(1.5, signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(2.5, signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_a_signal_while_the_workers_start_leaves_none(
    moment: float, number: signal.Signals, tmp_path: Path
) -> None:
    """Seconds after the first was started: it imports, it gets its job, it builds, it trains."""
    started = Sweeping(tmp_path, "training.epochs=1000000,999999", plain=True)
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


def test_a_stop_while_a_job_is_handed_over_that_no_pipe_holds(
    tmp_path: Path, plain: list[Processes]
) -> None:
    """A worker reads it once it has imported what it needs: until then the sender waits."""
    kind = Kind([Member("one", spec(), {})])
    executor, seen = Processes(1, tmp_path, ["x" * 2**20], Queue([kind])), list[str]()
    before = signal.signal(signal.SIGUSR1, lambda *_: executor.stop())
    sender = threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGUSR1])
    sender.start()
    try:
        executor.run(lambda news: seen.extend(one.status for one in news))
    finally:
        sender.join()
        signal.signal(signal.SIGUSR1, before)
    assert seen == ["interrupted"]


@pytest.mark.slow
def test_a_process_that_does_not_end_is_killed(
    tmp_path: Path, plain: list[Processes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.3)

    def watch(news: Sequence[News]) -> None:
        if any(one.status == "running" for one in news):  # stopped processes hear nothing
            for worker in plain[0]._workers:
                os.kill(worker.process.pid or 0, signal.SIGSTOP)
            signal.raise_signal(signal.SIGTERM)

    outcome = run(planned(tmp_path, "training.epochs=1000000,999999", jobs=2), watch=watch)
    assert outcome.exit_code == 143
    assert set(statuses(tmp_path)) <= {"interrupted"}


# Disturbed again and again, by threads (False) and by processes: how often.
DISTURBED = {
    ("killed", False): 10 if ALL else 3,
    ("killed", True): 10 if ALL else 2,
    ("stopped", False): 2,
    ("stopped", True): 2,
    ("a worker told to end", True): 2,
}


@pytest.mark.slow
@pytest.mark.torture
@pytest.mark.timeout(480 * TIMES)
@pytest.mark.filterwarnings("ignore::minidl.errors.RestartWarning")  # killed before a checkpoint
@pytest.mark.parametrize(("what", "plain"), DISTURBED)
def test_disturbed_at_random_it_goes_on_to_the_same_end(
    what: str, plain: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same command again; no member that has its result is trained twice."""
    if plain:
        monkeypatch.setenv("CC", "no-such-compiler")
    grid = ["seed=0,1,2,3,4,5", "training.epochs=100,200", "training.checkpoint_every=20"]
    if not plain:
        grid[1] = "training.epochs=8000,12000"
    (tmp_path / "whole").mkdir()
    assert sweep(tmp_path / "whole", *grid, options=["--jobs", 1]).code == 0
    dice, left, round_ = random.Random(0), DISTURBED[what, plain] * TIMES, 0
    while left:
        folder = tmp_path / str(round_)
        folder.mkdir(exist_ok=True)
        before = results(folder)
        started = Sweeping(folder, *grid, plain=plain)
        try:
            while left and not ended_within(started, dice.uniform(1, 6)):
                left -= disturb(started, what, dice)
            code = started.process.wait(timeout=PATIENCE * 4)
        finally:
            started.kill()
        assert code in (0, -signal.SIGKILL, 128 + signal.SIGINT), started.err
        assert results(folder).items() >= before.items()
        if code == 0:
            assert_same(folder, tmp_path / "whole")
            round_ += 1
    folder = tmp_path / str(round_)
    folder.mkdir(exist_ok=True)
    assert sweep(folder, *grid, options=["--jobs", 2]).code == 0
    assert_same(folder, tmp_path / "whole")


def results(folder: Path) -> dict[str, str]:
    """The members that have ended, and when."""
    there = members(folder) if (folder / "runs" / "small").exists() else []
    records = {one.path.name: one.read_record() for one in there if one.status == "done"}
    return {name: record.ended or "" for name, record in records.items()}


def ended_within(started: Sweeping, seconds: float) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        started.process.wait(timeout=seconds)
    return started.process.poll() is not None


def disturb(started: Sweeping, what: str, dice: random.Random) -> bool:
    """Whether there was anything to disturb."""
    if what == "killed":
        os.killpg(started.process.pid, signal.SIGKILL)
    elif what == "stopped":
        os.kill(started.process.pid, signal.SIGINT)
        started.process.wait(timeout=PATIENCE)
    elif not (workers := started.workers()):
        return False
    else:
        with contextlib.suppress(ProcessLookupError):
            os.kill(dice.choice(workers), signal.SIGTERM)
    return True


@by(THREADS, slowly(PROCESSES))
def test_workers_end_when_the_sweep_is_killed(sweeping: Sweeping) -> None:
    sweeping.process.kill()
    sweeping.process.wait()
    until(sweeping.is_gone)
