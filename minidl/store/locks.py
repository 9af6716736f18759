"""One process works on a folder at a time: a lock that ends with its holder.

The kernel holds it (flock), on a file beside the folder, which says who. Where a file system has no
flock, a folder beside that file does, by a file in it whose name is its holder's mark (owner.py).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minidl.errors import RunError, WriteError
from minidl.store import clock, files, folders, owner, system

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

PATIENCE = 0.5  # seconds: who has just taken a lock needs a moment to write down its name
# What a file system without flock answers; ENOLCK is NFS without its lock service.
_NO_FLOCK = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOLCK)
_ATTEMPTS = 100  # to take the place of holders that have ended


def _unlock(handle: int) -> None:
    os.close(handle)


@dataclass(frozen=True)
class _Hold:
    """A lock that is held: by the kernel on a file, or by a name in a folder."""

    handle: int | None = None
    name: Path | None = None

    def release(self) -> None:
        with contextlib.suppress(OSError):
            if self.handle is not None:
                system.disk(_unlock, self.handle)
            if self.name is not None:
                _drop(self.name)


@contextlib.contextmanager
def locked(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Keep all other processes off a folder (of a run or of a sweep, there already or not).

    RunError says who works on it, if somebody does. The lock is a file beside the folder, which
    may be replaced meanwhile.
    """
    path = _path(folder)
    folders.make(path.parent)
    try:
        hold = _take(path)
    except OSError as error:
        raise _failure(path, error) from error
    if hold is None:
        raise RunError(f"{os.fspath(folder)}: is in use{_holder(path)}")
    try:
        with files.unfinished(path), files.unfinished(hold.name.parent if hold.name else path):
            _write_name(path)
            yield
    finally:
        # While it is held: who waits for this file finds it unlinked, and makes another.
        with contextlib.suppress(OSError):
            system.disk(path.unlink)
        hold.release()


def is_locked(folder: str | os.PathLike[str]) -> bool:
    """Whether somebody holds a folder's lock; where that can't be seen, somebody may."""
    path = _path(folder)
    if system.stat_of(path) is None:
        return False
    try:
        # Held for a moment, less than `locked` waits. One attempt: a list asks about many runs.
        handle = _flock(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError as error:
        return error.errno not in _NO_FLOCK or _is_held(_held(path))
    _Hold(handle).release()
    return handle is None


def _path(folder: str | os.PathLike[str]) -> Path:
    target = Path(os.path.realpath(folder))
    return target.with_name(f".{target.name}.lock")


def _held(path: Path) -> Path:
    """What holds a lock where the kernel doesn't."""
    return path.with_suffix(".held")


def _take(path: Path, patience: float = 0.1) -> _Hold | None:
    """Take the lock; None if another holds it. Raises OSError."""
    deadline = time.monotonic() + patience
    while True:
        try:
            handle = _flock(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            if error.errno not in _NO_FLOCK:
                raise
            return _take_by_name(_held(path))
        if handle is not None:
            return _Hold(handle)
        # Not at the first try: the file may be one that its holder has just unlinked.
        if time.monotonic() > deadline:
            return None
        time.sleep(0.02)


def _flock(path: Path, flags: int) -> int | None:
    """The lock's file, locked; None if another process has it. Raises OSError."""
    handle: int = system.disk(os.open, path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)
    mine = False
    try:
        if fcntl is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        system.disk(fcntl.flock, handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its holder may have unlinked it between these two, and another made another.
        found = system.stat_of(path, follow=False)
        mine = found is not None and os.path.samestat(found, system.disk(os.fstat, handle))
    except BlockingIOError:
        pass
    finally:
        if not mine:
            system.disk(os.close, handle)
    return handle if mine else None


def _take_by_name(held: Path) -> _Hold | None:
    """The same by a folder that appears with its holder's name in it, or not at all."""
    folders.remove_temporaries(held.parent, held.name[1:])
    fresh = held.with_name(f"{held.name}{files.temporary_name()}")
    name = f"{owner.mark()}-{secrets.token_hex(4)}"
    taken = False
    try:
        with files.unfinished(fresh):
            system.disk(fresh.mkdir)
            files.write_new(fresh / name, b"")
            for _ in range(_ATTEMPTS):
                if taken := _renamed(fresh, held):
                    break
                names = _names(held)
                if not all(map(_has_ended, names)):
                    break
                for one in names:  # by its own name: nobody is taken for one who came later
                    _drop(one)
    finally:
        if not taken:
            with contextlib.suppress(OSError):
                system.disk(shutil.rmtree, fresh)
    return _Hold(name=held / name) if taken else None


def _renamed(fresh: Path, held: Path) -> bool:
    """Whether a folder could take its place: that of none, or of an empty one."""
    try:
        system.disk(os.rename, fresh, held)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
        return False
    return True


def _names(held: Path) -> list[Path]:
    """Those that hold a lock by name: one, unless it has ended. Raises OSError."""
    try:
        return [held / name for name in system.disk(os.listdir, held)]
    except FileNotFoundError:
        return []


def _is_held(held: Path) -> bool:
    try:
        return not all(map(_has_ended, _names(held)))
    except OSError:
        return True


def _has_ended(name: Path) -> bool:
    return owner.has_ended(name.name.rpartition("-")[0])


def _drop(name: Path) -> None:
    """Lets go of a lock that is held by name. Raises OSError."""
    system.disk(name.unlink, missing_ok=True)
    with contextlib.suppress(OSError):  # another has taken it since
        system.disk(name.parent.rmdir)


def _write_name(path: Path) -> None:
    since = clock.now().isoformat(sep=" ", timespec="seconds")
    name = {"pid": os.getpid(), "host": platform.node(), "since": since, "mark": owner.mark()}
    # Over what a killed holder left: the lock is on this very file, so it can't be another one.
    try:
        handle = system.disk(os.open, path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            files.write_all(handle, json.dumps(name).encode())
        finally:
            system.disk(os.close, handle)
    except OSError as error:
        raise _failure(path, error) from error


def _failure(path: Path, error: OSError) -> WriteError:
    """Names the folder, too: nobody knows the lock, a hidden file."""
    lock = f"{path.name} in it is to keep other processes off"
    return WriteError(f"{path.parent}: can't be written: {system.reason(error)} ({lock})")


def _holder(path: Path) -> str:
    """ " by process 12 on host since …", as far as it is known; and what to do if that is wrong."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            name: dict[str, Any] = json.loads(files.read(path, 1000))
            holder = f" by process {name['pid']} on {name['host']} since {name['since']}"
            if not owner.has_ended(name["mark"]):  # else the new one has not written over it yet
                return holder + _way_out(path)
        if time.monotonic() > deadline:
            return " by another process" + _way_out(path)
        time.sleep(0.02)


def _way_out(path: Path) -> str:
    """Where neither the kernel nor this process can tell whether the holder has ended."""
    held = _held(path)
    with contextlib.suppress(OSError):
        if not all(owner.is_near(name.name) for name in _names(held)):
            return f"; if that has ended, which can't be seen from here, delete the folder {held}"
    return ""
