"""One process works on a run folder; the others say who does."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from attempts import TIMES, Part, in_parts
from crash.ends import assert_one_winner, is_in_use
from crash.helpers import (
    assert_same,
    command,
    copy,
    killed,
    run_of,
    whole,
)
from crash.server import Server
from marks import mark_of_the_dead
from trainings import minidl

from minidl.errors import RunError, WriteError
from minidl.store import locks
from minidl.store.locks import is_locked, locked

pytestmark = [pytest.mark.torture, pytest.mark.timeout(120 * TIMES)]

LONGER = "training.epochs=50"  # so many that the others find the first at work


@in_parts(5)
def test_of_eight_processes_one_makes_the_run(part: Part, server: Server, tmp_path: Path) -> None:
    undisturbed, _ = whole(server, tmp_path / "whole", LONGER)
    blamed = 0
    for number in part.of(range(20 * TIMES)):
        folder = tmp_path / str(number)
        folder.mkdir()
        raced = server.race([command(folder, LONGER)] * 8)
        blamed += assert_one_winner(raced, folder, "exists already")
        assert_same(run_of(folder), undisturbed)
    assert blamed


@in_parts(5)
def test_of_eight_processes_one_resumes_the_run(part: Part, server: Server, tmp_path: Path) -> None:
    undisturbed, ended = whole(server, tmp_path / "whole", LONGER)
    killed(server, tmp_path / "first", len(ended.operations) // 3, LONGER)
    for number in part.of(range(20 * TIMES)):
        folder = copy(tmp_path / "first", tmp_path / str(number))
        raced = server.race([["resume", run_of(folder).path, "--quiet"]] * 8)
        assert_one_winner(raced, folder, "nothing to resume: the run has ended (done)")
        assert_same(run_of(folder), undisturbed)


def test_a_run_at_work_is_not_overwritten_or_resumed(tmp_path: Path) -> None:
    arguments = command(tmp_path)
    with locked(run_of(tmp_path).path):
        for wanted in (arguments, [*arguments, "--overwrite"]):
            ended = minidl(*wanted)
            assert ended.code == 2
            assert is_in_use(ended.err, tmp_path, os.getpid())
        assert not run_of(tmp_path).path.exists()


@pytest.fixture(params=["by the kernel", "by name"])
def held(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks of each kind: the other is for file systems without flock."""

    def missing(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    if request.param == "by name":
        monkeypatch.setattr(fcntl, "flock", missing)


@pytest.mark.usefixtures("held")
def test_a_killed_holder_blocks_nobody(tmp_path: Path) -> None:
    held, told = os.pipe()
    pid = os.fork()
    if not pid:
        with locked(tmp_path / "run"):
            os.write(told, b"1")
            time.sleep(60)
    os.read(held, 1)
    with pytest.raises(RunError, match=f"is in use by process {pid} on "), locked(tmp_path / "run"):
        pass
    assert is_locked(tmp_path / "run")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert not is_locked(tmp_path / "run")
    with locked(tmp_path / "run"):
        assert is_locked(tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_a_dead_holder_is_not_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed one leaves its name, which the next one has not written over yet."""
    lock = tmp_path / ".run.lock"
    name = {"pid": 1, "host": "here", "since": "then", "mark": mark_of_the_dead()}
    lock.write_text(json.dumps(name))
    monkeypatch.setattr("minidl.store.locks._write_name", lambda path: None)
    with (
        locked(tmp_path / "run"),
        pytest.raises(RunError, match=r"is in use by another process$"),
        locked(tmp_path / "run"),
    ):
        pass


@pytest.mark.usefixtures("held")
def test_a_lock_is_left_with_nothing_behind_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "a" / "run"):
        raise ZeroDivisionError
    with locked(tmp_path / "a" / "run"):
        assert ".run.lock" in [path.name for path in (tmp_path / "a").iterdir()]
    assert not list((tmp_path / "a").iterdir())


@pytest.mark.parametrize("held", ["by name"], indirect=True)
@pytest.mark.usefixtures("held")
def test_of_a_holder_elsewhere_the_way_out_is_named(tmp_path: Path) -> None:
    """Nobody here can tell whether it has ended."""
    name = f"00000000{mark_of_the_dead()[8:]}-00000000"
    with locked(tmp_path / "run"):
        (own,) = (tmp_path / ".run.held").iterdir()
        with pytest.raises(RunError, match=rf"by process {os.getpid()} on \S+ since \S+ \S+$"):
            _take_and_leave(tmp_path)
        own.rename(own.with_name(name))
        assert is_locked(tmp_path / "run")
        with pytest.raises(RunError, match="if that has ended, which can't be seen from here"):
            _take_and_leave(tmp_path)
        shutil.rmtree(tmp_path / ".run.held")
        _take_and_leave(tmp_path)


def _take_and_leave(folder: Path) -> None:
    with locked(folder / "run"):
        pass


@pytest.mark.parametrize("held", ["by name"], indirect=True)
@pytest.mark.usefixtures("held")
def test_of_many_at_once_one_takes_the_lock_of_a_dead_holder(tmp_path: Path) -> None:
    """Again and again, so that some come between another's steps."""
    counter = tmp_path / "counter"
    counter.write_text("0")
    dead = mark_of_the_dead()
    children = []
    for _ in range(6):
        if not (pid := os.fork()):
            done = 0
            while done < 20:
                try:
                    with locked(tmp_path / "run"):
                        number = int(counter.read_text())
                        time.sleep(0.001)
                        counter.write_text(str(number + 1))
                        done += 1
                        held = tmp_path / ".run.held"
                        (held / f"{dead}-{done:08x}").touch()  # as if it were killed now
                except RunError:
                    pass
            os._exit(0)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 6
    assert counter.read_text() == "120"


def test_a_folder_that_can_not_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the hidden lock alone."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(locks, "_take", refuse)
    with pytest.raises(WriteError) as caught, locked(tmp_path / "run"):
        pass
    assert str(caught.value).startswith(f"{tmp_path}: can't be written: permission denied (.run.l")
