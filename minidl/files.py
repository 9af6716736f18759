"""Every write to the disk goes through this module: a test can fail or kill at each of them.

A file is complete or absent: it is written under a temporary name beside its place, forced to the
disk, then renamed. Only a log (`append`) grows in place.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from minidl.errors import RunError

_deferred = 0  # how many `sync_once` are open
_unforced = False  # whether one of them has something to force


@contextlib.contextmanager
def sync_once() -> Iterator[None]:
    """Force what is written inside to the disk with one call at the end, not file by file.

    For hundreds of small files. A killed process loses nothing by it; after a power cut a file may
    be empty or cut short, which its checksum or its syntax tells.
    """
    global _deferred, _unforced
    _deferred += 1
    try:
        yield
    finally:
        _deferred -= 1
        if _unforced and not _deferred:
            _unforced = False
            os.sync()


class WriteError(RunError):
    """A write failed half-way through the work (disk full, I/O error, permission lost)."""

    exit_code = 1


def reason(error: OSError) -> str:
    """The system's words for an error, in the lower case that fits after a colon."""
    words = error.strerror or str(error) or type(error).__name__
    return words[:1].lower() + words[1:]


def write_atomic(path: str | os.PathLike[str], content: bytes) -> None:
    """Makes `path` hold exactly `content`, or leaves it as it was.

    A symbolic link is followed. The folder must exist. Raises WriteError, which names the file.
    """
    target = Path(os.path.realpath(path))
    temporary = target.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            raise WriteError(f"{os.fspath(path)}: can't be written: not a regular file")
        _write_new(temporary, content)
        temporary.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise WriteError(f"{os.fspath(path)}: can't be written: {reason(error)}") from error
    finally:
        # Gone after the rename; left over where anything failed, an interrupt included.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def append(path: str | os.PathLike[str], text: str) -> None:
    """Adds `text` to the end of a file, which it creates; all of it or, where that fails, nothing.

    The text is in the kernel's hands on return (a killed process loses nothing) but not forced to
    the disk: a line per epoch must cost microseconds. Raises WriteError, which names the file.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            before = os.fstat(handle).st_size
            try:
                _write_all(handle, text.encode())
            except BaseException:
                with contextlib.suppress(OSError):
                    os.ftruncate(handle, before)
                raise
        finally:
            os.close(handle)
    except OSError as error:
        raise WriteError(f"{os.fspath(path)}: can't be written: {reason(error)}") from error


def make_folder(path: str | os.PathLike[str], *, new: bool = False) -> None:
    """Creates a folder and its parents; with `new` it must not exist yet.

    Raises RunError, which names the folder.
    """
    folder = Path(path)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(exist_ok=not new)
        _sync_folder(folder.parent)
    except FileExistsError as error:
        kind = "it exists already" if folder.is_dir() else "a file of that name is in the way"
        raise RunError(f"{folder}: can't make this folder: {kind}") from error
    except OSError as error:
        raise RunError(f"{folder}: can't make this folder: {reason(error)}") from error


def remove_folder(path: str | os.PathLike[str]) -> None:
    """Deletes a folder with all it holds; links inside are deleted, never followed."""
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise RunError(f"{os.fspath(path)}: can't be removed: {reason(error)}") from error


def _write_new(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        _write_all(handle, content)
        _force(handle)
    finally:
        os.close(handle)


def _force(handle: int) -> None:
    global _unforced
    if _deferred and hasattr(os, "sync"):
        _unforced = True
    else:
        os.fsync(handle)


def _write_all(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:  # the system may take less than it is offered
        rest = rest[os.write(handle, rest) :]


def _sync_folder(folder: Path) -> None:
    """Forces a rename to the disk; a system without folder handles (Windows) does without."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        _force(handle)
    finally:
        os.close(handle)
