"""One process works on a folder at a time: a lock that the kernel lifts when its holder dies."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidl.errors import RunError, WriteError
from minidl.store import clock, files, folders

if TYPE_CHECKING:
    from filelock import FileLock

PATIENCE = 0.5  # seconds: who has just taken a lock needs a moment to write down its name


@contextlib.contextmanager
def locked(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Keep all other processes off a folder (of a run or of a sweep, there already or not).

    RunError says who works on it, if somebody does. The lock is a file beside the folder, which
    may be replaced meanwhile.
    """
    path = _path(folder)
    folders.make(path.parent)
    lock = _lock(path)
    try:
        taken = files.disk(_take, lock)
    except OSError as error:
        raise _failure(path, error) from error
    if not taken:
        raise RunError(f"{os.fspath(folder)}: is in use{_holder(path)}")
    try:
        with files.unfinished(path):
            _write_name(path)
            yield
    finally:
        # While it is held: who waits for this file finds it unlinked, and makes another.
        with contextlib.suppress(OSError):
            files.disk(path.unlink)
        lock.release()


def is_locked(folder: str | os.PathLike[str]) -> bool:
    """Whether somebody holds a folder's lock; where that can't be seen, somebody may."""
    path = _path(folder)
    if files.stat_of(path) is None:
        return False
    lock = _lock(path)
    try:
        # Held for a moment: less than what `locked` waits for. At one try: a list asks of many.
        if not files.disk(_take, lock, timeout=0):
            return True
    except OSError:
        return True
    lock.release()
    return False


def _path(folder: str | os.PathLike[str]) -> Path:
    target = Path(os.path.realpath(folder))
    return target.with_name(f".{target.name}.lock")


def _lock(path: Path) -> FileLock:
    from filelock import FileLock

    return FileLock(path)


def _take(lock: FileLock, timeout: float = 0.1) -> bool:
    from filelock import Timeout

    try:
        # Not at the first try: the file may be one that its holder has just unlinked.
        lock.acquire(timeout=timeout, poll_interval=0.02)
    except Timeout:
        return False
    return True


def _write_name(path: Path) -> None:
    since = clock.now().isoformat(sep=" ", timespec="seconds")
    name = {"pid": os.getpid(), "host": platform.node(), "since": since}
    # Over what a killed holder left: the lock is on this very file, so it can't be another one.
    try:
        handle = files.disk(os.open, path, os.O_WRONLY | os.O_TRUNC)
        try:
            files.disk(os.write, handle, json.dumps(name).encode())
        finally:
            files.disk(os.close, handle)
    except OSError as error:
        raise _failure(path, error) from error


def _failure(path: Path, error: OSError) -> WriteError:
    """Names the folder, too: nobody knows the lock, a hidden file."""
    lock = f"{path.name} in it is to keep other processes off"
    return WriteError(f"{path.parent}: can't be written: {files.reason(error)} ({lock})")


def _holder(path: Path) -> str:
    """ " by process 12 on host since …", as far as it is known."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            name: dict[str, Any] = json.loads(files.read(path, 1000))
            holder = f" by process {name['pid']} on {name['host']} since {name['since']}"
            if not _is_gone(name):  # else the new one has not written over it yet
                return holder
        if time.monotonic() > deadline:
            return " by another process"
        time.sleep(0.02)


def _is_gone(name: dict[str, Any]) -> bool:
    """Whether a process of this machine has ended; where that can't be told, it has not."""
    if name["host"] != platform.node() or os.name != "posix":
        return False
    try:
        os.kill(name["pid"], 0)  # signal 0 only asks
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass  # it is another user's, or nobody's number
    return False
