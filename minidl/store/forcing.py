"""What is written reaches the disk: at once, or many files at a time."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path

from minidl.errors import WriteError
from minidl.store import system
from minidl.store.system import reason, stat_of

# What file systems answer that can't force anything to the disk (CIFS to a folder, some by FUSE).
# git and SQLite pass over it, too.
_NO_FORCING = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
_FORCERS = 16  # files that are forced at a time: more gain nothing
# Inside `forced_together`, of this thread: what, and whether it is a folder.
_unforced: ContextVar[dict[Path, bool] | None] = ContextVar("unforced", default=None)


@contextlib.contextmanager
def forced_together() -> Iterator[None]:
    """Force what is written inside to the disk at the end: each file once, then each folder.

    For a sweep, whose members write hundreds of small files at once. Many are forced at a time, so
    that the file system puts them into one commit of its journal: the rows of 100 members take
    20 ms instead of 350, what they leave at their end 70 ms instead of 1,400 (ext4). One os.sync()
    takes less on an idle disk, but writes what everybody else left unwritten too: half a second
    beside a copy of a large file, without a bound.

    A killed process loses nothing by it. After a power cut any part of what was written inside may
    be missing. So a file that stands for others (a checkpoint for rows, a record for results) is
    written after the `with` that forces those. Nothing is forced if the inside fails.
    """
    unforced: dict[Path, bool] = {}
    before = _unforced.set(unforced)
    try:
        yield
    finally:
        _unforced.reset(before)
    for folders in (False, True):
        if paths := [path for path, is_folder in unforced.items() if is_folder == folders]:
            _force_all(paths, are_folders=folders)


def forced_later() -> bool:
    """Whether what is written now is forced at the end of a `forced_together`."""
    return _unforced.get() is not None


def force(path: str | os.PathLike[str]) -> None:
    """Forces to the disk what was appended to a file. Raises WriteError, which names it."""
    if (unforced := _unforced.get()) is not None:
        unforced[Path(path)] = False
    else:
        _force(path, is_folder=False)


def force_folder(folder: str | os.PathLike[str]) -> None:
    """Forces to the disk what files a folder has. Raises WriteError, which names it.

    A system without folder handles (Windows) does without.
    """
    if os.name != "posix":
        return
    if (unforced := _unforced.get()) is not None:
        unforced[Path(folder)] = True
    else:
        _force(folder, is_folder=True)


def fsync(handle: int) -> None:
    """Forces an open file to the disk, on a file system that can. Raises OSError."""
    try:
        system.disk(os.fsync, handle)
    except OSError as error:
        if error.errno not in _NO_FORCING:
            raise


def _force(path: str | os.PathLike[str], *, is_folder: bool) -> None:
    try:
        handle = system.disk(os.open, path, os.O_RDONLY if is_folder else os.O_RDWR)
        try:
            fsync(handle)
        finally:
            system.disk(os.close, handle)
    except OSError as error:
        raise WriteError(f"{os.fspath(path)}: can't be written: {reason(error)}") from error


def _force_all(paths: Sequence[Path], *, are_folders: bool) -> None:
    """Forces those that are still there, many at a time. Raises WriteError."""
    from concurrent.futures import ThreadPoolExecutor

    def force_one(path: Path) -> None:
        if stat_of(path) is not None:
            _force(path, is_folder=are_folders)

    with ThreadPoolExecutor(_FORCERS) as threads:
        for _ in threads.map(force_one, paths):
            pass  # raises what was raised in a thread
