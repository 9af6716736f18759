"""Every touch of the disk goes through this module: a test can fail or kill at each of them.

A file is complete or absent: it is written under a temporary name beside its place, forced to the
disk, then renamed. Only a log (`append`) grows in place.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from minidl.errors import MinidlError, RunError

AnyError = TypeVar("AnyError", bound=MinidlError)

_FAILURES = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EPERM)  # of the disk, not of the name
_deferred = 0  # how many `sync_once` are open
_unforced = False  # whether one of them has something to force


def disk(operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Carry out one operation on the disk: all of them pass here, where tests fail them."""
    return operation(*arguments, **options)


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
            disk(os.sync)


class WriteError(RunError):
    """The disk failed half-way through the work (full, I/O error, permission lost)."""

    exit_code = 1


def as_failure(error: AnyError, cause: Exception) -> AnyError:
    """An error about a file that the user named; exits as a WriteError if the disk failed."""
    if isinstance(cause, OSError) and cause.errno in _FAILURES:
        error.exit_code = 1
    return error


def reason(error: OSError) -> str:
    """The system's words for an error, in the lower case that fits after a colon."""
    words = error.strerror or str(error) or type(error).__name__
    return words[:1].lower() + words[1:]


# Reading. What isn't there is no failure of the disk: the caller knows what that means.


def read(path: str | os.PathLike[str], limit: int | None = None) -> bytes:
    """A regular file's bytes, `limit` of them at most. Raises OSError; never waits for a pipe."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    with disk(os.fdopen, disk(os.open, path, flags), "rb") as file:
        found = disk(os.fstat, file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        # As it is now, should it grow; as much memory is taken as is asked for.
        content: bytes = disk(file.read, min(limit, found.st_size) if limit else -1)
    return content


def status(path: str | os.PathLike[str]) -> os.stat_result | None:
    """What the system says of a path, links followed; None where nothing is.

    Raises WriteError where it can't say: what can't be seen must not count as absent.
    """
    try:
        found: os.stat_result = disk(os.stat, path)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the path
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise WriteError(f"{os.fspath(path)}: can't be read: {reason(error)}") from error
    return found


def is_file(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file is there. Raises WriteError where the system can't say."""
    found = status(path)
    return found is not None and stat.S_ISREG(found.st_mode)


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a folder is there. Raises WriteError where the system can't say."""
    found = status(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def entries(folder: str | os.PathLike[str]) -> list[Path]:
    """What lies in a folder, by name. Raises WriteError."""
    try:
        return [Path(folder) / name for name in sorted(disk(os.listdir, folder))]
    except OSError as error:
        raise WriteError(f"{os.fspath(folder)}: can't be read: {reason(error)}") from error


def write_atomic(
    path: str | os.PathLike[str],
    content: bytes,
    *,
    keep: str | os.PathLike[str] | None = None,
    forced: bool = True,
) -> None:
    """Makes `path` hold exactly `content`, or leaves it as it was.

    What it held before goes to `keep`, if that is given; a kill may leave it there alone. Without
    `forced` it survives a kill, but maybe no power cut. A symbolic link is followed. The folder
    must exist. Raises WriteError, which names the file.
    """
    target = Path(os.path.realpath(path))
    temporary = target.parent / _temporary_name()
    done = False
    try:
        found = status(target)
        if found is not None and not stat.S_ISREG(found.st_mode):
            raise WriteError(f"{os.fspath(path)}: can't be written: not a regular file")
        _write_new(temporary, content, forced=forced)
        if keep is not None and found is not None:
            disk(os.replace, target, keep)
        disk(os.replace, temporary, target)
        done = True
        if forced:
            _sync_folder(target.parent)
    except OSError as error:
        raise WriteError(f"{os.fspath(path)}: can't be written: {reason(error)}") from error
    finally:
        if not done:  # it failed, or was interrupted
            with contextlib.suppress(OSError):
                disk(temporary.unlink, missing_ok=True)


def append(path: str | os.PathLike[str], text: str) -> None:
    """Adds `text` to the end of a file, which it creates; all of it or, where that fails, nothing.

    The text is in the kernel's hands on return (a killed process loses nothing) but not forced to
    the disk (see `force`): a line per epoch must cost microseconds. Raises WriteError, which names
    the file.
    """
    try:
        handle = disk(os.open, path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            before = os.fstat(handle).st_size
            try:
                _write_all(handle, text.encode())
            except BaseException:
                with contextlib.suppress(OSError):
                    disk(os.ftruncate, handle, before)
                raise
        finally:
            os.close(handle)
    except OSError as error:
        raise WriteError(f"{os.fspath(path)}: can't be written: {reason(error)}") from error


def force(path: str | os.PathLike[str]) -> None:
    """Forces to the disk what was appended to a file. Raises WriteError, which names it."""
    try:
        handle = disk(os.open, path, os.O_RDWR)
        try:
            _force(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise WriteError(f"{os.fspath(path)}: can't be written: {reason(error)}") from error


def remove(path: str | os.PathLike[str]) -> None:
    """Deletes a file, if it is there. Raises WriteError, which names it."""
    try:
        disk(Path(path).unlink, missing_ok=True)
    except OSError as error:
        raise WriteError(f"{os.fspath(path)}: can't be removed: {reason(error)}") from error


def make_folder(path: str | os.PathLike[str], *, new: bool = False) -> None:
    """Creates a folder and its parents; with `new` it must not exist yet.

    Raises RunError, which names the folder.
    """
    folder = Path(path)
    if not new and is_folder(folder):
        return
    try:
        disk(folder.parent.mkdir, parents=True, exist_ok=True)
        disk(folder.mkdir, exist_ok=not new)
        _sync_folder(folder.parent)
    except FileExistsError as error:
        kind = "it exists already" if folder.is_dir() else "a file of that name is in the way"
        raise RunError(f"{folder}: can't make this folder: {kind}") from error
    except NotADirectoryError as error:
        raise RunError(f"{folder}: can't make this folder: {reason(error)}") from error
    except OSError as error:
        raise WriteError(f"{folder}: can't make this folder: {reason(error)}") from error


def new_folder(path: Path, contents: dict[str, bytes], *, overwrite: bool = False) -> None:
    """Makes a folder that holds these files: complete or absent, even if the process is killed.

    Not forced to the disk: nothing has been done yet that a power cut could undo. With `overwrite`
    it takes the place of what is there, which is deleted. Whoever calls this for one path at a time
    (see `locked`) also clears away what a killed one left behind. Raises RunError where the path is
    taken, WriteError where the disk fails.
    """
    make_folder(path.parent)
    for left in entries(path.parent):
        if left.name.startswith(f".{path.name}.") and left.name.endswith(".tmp"):
            remove_folder(left)
    fresh, old = (path.with_name(f".{path.name}{_temporary_name()}") for _ in range(2))
    try:
        disk(fresh.mkdir)
        for name, content in contents.items():
            _write_new(fresh / name, content, forced=False)
        if overwrite and status(path) is not None:
            disk(os.rename, path, old)
        disk(os.rename, fresh, path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            old.rename(path)  # where it was, if it had been moved
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise RunError(f"{path}: exists already") from error
        raise WriteError(f"{path}: can't make this folder: {reason(error)}") from error
    finally:
        for left in (fresh, old):
            shutil.rmtree(left, ignore_errors=True)


def remove_folder(path: str | os.PathLike[str]) -> None:
    """Deletes a folder with all it holds; links inside are deleted, never followed."""
    try:
        disk(shutil.rmtree, path)
    except OSError as error:
        raise WriteError(f"{os.fspath(path)}: can't be removed: {reason(error)}") from error


def remove_temporaries(folder: str | os.PathLike[str]) -> None:
    """Deletes what a killed process was writing in a folder. Nobody else may be writing there."""
    for path in entries(folder):
        if path.name.startswith(".") and path.name.endswith(".tmp"):
            remove(path)


def _temporary_name() -> str:
    return f".{secrets.token_hex(8)}.tmp"


def _write_new(path: Path, content: bytes, *, forced: bool = True) -> None:
    handle = disk(os.open, path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        _write_all(handle, content)
        if forced:
            _force(handle)
    finally:
        disk(os.close, handle)


def _force(handle: int) -> None:
    global _unforced
    if _deferred and hasattr(os, "sync"):
        _unforced = True
    else:
        disk(os.fsync, handle)


def _write_all(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:  # the system may take less than it is offered
        rest = rest[disk(os.write, handle, rest) :]


def _sync_folder(folder: Path) -> None:
    """Forces a rename to the disk; a system without folder handles (Windows) does without."""
    if os.name != "posix":
        return
    handle = disk(os.open, folder, os.O_RDONLY)
    try:
        _force(handle)
    finally:
        os.close(handle)
