"""Of two that hold the same work, only the later one writes."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from minidl.errors import RunError
from minidl.store import files, leases
from minidl.store.leases import Fenced, Lease


def taken_and_fenced(path: Path, file: Path, text: bytes) -> None:
    with Lease(path).fencing():
        files.write_atomic(file, text)


def test_who_has_a_lease_writes(tmp_path: Path) -> None:
    path = leases.grant(tmp_path)
    taken_and_fenced(path, tmp_path / "a", b"1")
    assert (tmp_path / "a").read_bytes() == b"1"
    files.write_atomic(tmp_path / "a", b"2")  # by no lease, once that is over
    assert leases.revoke(path) == 1
    assert not path.exists()


def test_the_earlier_one_writes_nothing_more(tmp_path: Path) -> None:
    path = leases.grant(tmp_path)
    earlier = Lease(path)
    with earlier.fencing():
        files.append(tmp_path / "log", "1\n")
        with ThreadPoolExecutor() as elsewhere:
            assert elsewhere.submit(Lease, path).result().taken == 2
        for write in (files.append, lambda p, _: files.write_atomic(p, b"")):
            with pytest.raises(Fenced):
                write(tmp_path / "log", "2\n")
        with pytest.raises(Fenced):
            _ = earlier.asked_to_stop
    assert (tmp_path / "log").read_text() == "1\n"
    assert sorted(one.name for one in tmp_path.iterdir()) == [".leases", "log"]


def test_what_was_revoked_is_neither_used_nor_taken(tmp_path: Path) -> None:
    path, other = leases.grant(tmp_path), leases.grant(tmp_path)
    held = Lease(path)
    leases.revoke_all(tmp_path)
    with held.fencing(), pytest.raises(Fenced):
        files.write_atomic(tmp_path / "a", b"")
    for one in (path, other):
        with pytest.raises(Fenced):
            Lease(one)
    assert leases.revoke(other) == 0


def test_who_is_asked_to_stop_may_still_write(tmp_path: Path) -> None:
    path = leases.grant(tmp_path)
    lease = Lease(path)
    assert not lease.asked_to_stop
    leases.ask_to_stop(path)
    assert lease.asked_to_stop
    with lease.fencing():
        files.write_atomic(tmp_path / "a", b"")


def test_other_threads_are_not_fenced(tmp_path: Path) -> None:
    path = leases.grant(tmp_path)
    lease = Lease(path)
    leases.revoke(path)
    with lease.fencing():
        thread = threading.Thread(target=files.write_atomic, args=(tmp_path / "a", b"1"))
        thread.start()
        thread.join()
    assert (tmp_path / "a").read_bytes() == b"1"


def _stops_while_it_writes(path: Path, file: Path) -> None:
    lease = Lease(path)
    with lease.fencing(), lease.batch():
        files.append(file, "1\n")
        os.kill(os.getpid(), signal.SIGSTOP)
        files.append(file, "2\n")


def test_nobody_takes_over_amid_a_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = leases.grant(tmp_path)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_stops_while_it_writes, args=(path, tmp_path / "log"))
    process.start()
    assert process.pid
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    monkeypatch.setattr(leases, "PATIENCE", 0.05)
    with pytest.raises(RunError, match="or is stopped while it writes: end it, and give the same"):
        leases.revoke(path)
    os.kill(process.pid, signal.SIGCONT)
    process.join()
    assert process.exitcode == 0
    assert (tmp_path / "log").read_text() == "1\n2\n"
    assert leases.revoke(path) == 1


@pytest.mark.parametrize("content", [b"", b'{"tok', b"[]", b"\xff"])
def test_a_lease_that_is_not_whole_is_nobodys(content: bytes, tmp_path: Path) -> None:
    path = leases.grant(tmp_path)
    path.write_bytes(content)
    with pytest.raises(Fenced):
        Lease(path)
    (path.parent / "folder").mkdir()
    leases.revoke_all(tmp_path)
    assert [one.name for one in path.parent.iterdir()] == ["folder"]


def test_no_lease_is_granted_where_files_have_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(handle: int, how: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(RunError, match="has no locks on files here, which --cluster needs"):
        leases.grant(tmp_path)
