"""Every touch of the disk goes through `disk`: a test can fail or kill at each of them.

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
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

from minidl.errors import DamagedError, MinidlError, WriteError
from minidl.store import owner

AnyError = TypeVar("AnyError", bound=MinidlError)

# What is wrong with a name that the user gave; all else is the disk's.
_OF_THE_NAME = (
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL),
    *(errno.ENXIO, errno.ENODEV),
)
# What file systems answer that can't force anything to the disk (CIFS to a folder, some by FUSE).
# git and SQLite pass over it, too.
_NO_FORCING = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
# What they answer to a rename over a file that another process has open, until it is closed.
_OPEN_ELSEWHERE = (errno.EBUSY, errno.ETXTBSY)
_PATIENCE = (0.01, 0.1, 0.5)  # seconds between such attempts
_INTERRUPTIONS = 100  # attempts of one operation, where signals break it off
_FORCERS = 16  # files that are forced at a time: more gain nothing
_unfinished: set[Path] = set()  # what is there for as long as something is being done
# Inside `forced_together`, of this thread: what, and whether it is a folder.
_unforced: ContextVar[dict[Path, bool] | None] = ContextVar("unforced", default=None)

MOST_BYTES = 2**28  # of a file of a run folder, but for checkpoints


def disk(operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Carry out one operation on the disk: all of them pass here, where tests fail them.

    Again if it was interrupted (EINTR): Python itself tries again only reading and writing.
    """
    for _ in range(_INTERRUPTIONS):
        with contextlib.suppress(InterruptedError):
            return operation(*arguments, **options)
    return operation(*arguments, **options)


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


def as_failure(error: AnyError, cause: Exception) -> AnyError:
    """An error about a file that the user named; exits as a WriteError if the disk failed."""
    if isinstance(cause, OSError) and cause.errno not in _OF_THE_NAME:
        error.exit_code = 1
    return error


def reason(error: OSError) -> str:
    """The system's words for an error, in the lower case that fits after a colon."""
    words = error.strerror or str(error) or type(error).__name__
    return words[:1].lower() + words[1:]


# Reading. A file that is missing isn't a failure of the disk: the caller knows what that means.


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


def read_sound(path: Path, limit: int = MOST_BYTES) -> bytes:
    """A file of a run folder, of `limit` bytes at most. Raises DamagedError or WriteError."""
    try:
        content = read(path, limit + 1)
    except FileNotFoundError as error:
        raise DamagedError(f"{path}: no such file") from error
    except OSError as error:
        kind = DamagedError if error.errno == errno.EINVAL else WriteError
        raise kind(f"{path}: can't be read: {reason(error)}") from error
    if len(content) > limit:
        most = f"{limit // 2**20:,} MiB"
        raise DamagedError(f"{path}: is damaged: larger than the {most} that are read")
    return content


def stat_of(path: str | os.PathLike[str], *, follow: bool = True) -> os.stat_result | None:
    """What the system says of a path, a link followed if asked; None where nothing is.

    Raises WriteError where it can't say: what can't be seen must not count as absent.
    """
    try:
        found: os.stat_result = disk(os.stat, path, follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the path
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise WriteError(f"{os.fspath(path)}: can't be read: {reason(error)}") from error
    return found


def is_file(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file is there. Raises WriteError where the system can't say."""
    found = stat_of(path)
    return found is not None and stat.S_ISREG(found.st_mode)


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a folder is there. Raises WriteError where the system can't say."""
    found = stat_of(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def is_link(path: str | os.PathLike[str]) -> bool:
    """Whether a symbolic link is there. Raises WriteError where the system can't say."""
    found = stat_of(path, follow=False)
    return found is not None and stat.S_ISLNK(found.st_mode)


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
) -> None:
    """Makes `path` hold exactly `content`, or leaves it as it was.

    What it held before goes to `keep`, if that is given; a kill may leave it there alone. A
    symbolic link is followed. The folder must exist. Raises WriteError, which names the file.
    """
    target = Path(os.path.realpath(path))
    try:
        found = stat_of(target)
        if found is not None and not stat.S_ISREG(found.st_mode):
            raise WriteError(f"{os.fspath(path)}: can't be written: not a regular file")
        with _temporary(target.parent) as temporary:
            write_new(temporary, content)
            if keep is not None and found is not None:
                rename(target, keep)
            rename(temporary, target)
        if forced_later():
            force(target)
        force_folder(target.parent)
    except FileNotFoundError as error:
        folder = target.parent if is_link(path) else Path(path).parent
        message = f"can't be written: there is no folder {folder}"
        raise WriteError(f"{os.fspath(path)}: {message}") from error
    except OSError as error:
        raise WriteError(f"{os.fspath(path)}: can't be written: {reason(error)}") from error


def append(path: str | os.PathLike[str], text: str) -> None:
    """Adds `text` to the end of a file, which it creates; all of it or, where that fails, nothing.

    The text is in the kernel's hands on return (a killed process loses nothing) but not forced to
    the disk (see `force`): a line per epoch must cost microseconds. Raises WriteError, which names
    the file.
    """
    try:
        handle = disk(os.open, path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            before = disk(os.fstat, handle).st_size
            try:
                write_all(handle, text.encode())
            except BaseException:
                with contextlib.suppress(OSError):
                    disk(os.ftruncate, handle, before)
                raise
        finally:
            disk(os.close, handle)
    except OSError as error:
        raise WriteError(f"{os.fspath(path)}: can't be written: {reason(error)}") from error


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


def remove(path: str | os.PathLike[str]) -> None:
    """Deletes a file, if it is there. Raises WriteError, which names it."""
    try:
        disk(Path(path).unlink, missing_ok=True)
    except OSError as error:
        raise WriteError(f"{os.fspath(path)}: can't be removed: {reason(error)}") from error


def rename(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Renames, also over a file that is there. Raises OSError.

    Patient with a file system on which nobody may have that one open.
    """
    for seconds in _PATIENCE:
        try:
            disk(os.replace, source, target)
        except OSError as error:
            if error.errno not in _OPEN_ELSEWHERE:
                raise
            time.sleep(seconds)
        else:
            return
    disk(os.replace, source, target)


@contextlib.contextmanager
def unfinished(path: Path) -> Iterator[None]:
    """Marks a file or folder as one that goes if the process ends inside (see `abandon`)."""
    _unfinished.add(path)
    try:
        yield
    finally:
        _unfinished.discard(path)


def abandon() -> None:
    """Deletes half-written files and locks: for a handler of signals that ends the process."""
    for path in list(_unfinished):
        with contextlib.suppress(OSError):
            disk(shutil.rmtree if path.is_dir() else os.unlink, path)


def temporary_name() -> str:
    """One that says whose it is: see `folders.remove_temporaries`."""
    return f".{owner.mark()}-{secrets.token_hex(4)}.tmp"


@contextlib.contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """Where to write what is renamed then; it is gone if that fails or is interrupted."""
    path = folder / temporary_name()
    with unfinished(path):
        try:
            yield path
        except BaseException:
            with contextlib.suppress(OSError):
                disk(path.unlink, missing_ok=True)
            raise


def write_new(path: Path, content: bytes) -> None:
    """Writes a file that isn't there yet, in place. Raises OSError.

    Forces it to the disk, unless that is done together with others: the caller says which then.
    """
    handle = disk(os.open, path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        write_all(handle, content)
        if not forced_later():
            _fsync(handle)
    finally:
        disk(os.close, handle)


def write_all(handle: int, content: bytes) -> None:
    """Writes into an open file, whatever the system takes at a time. Raises OSError."""
    rest = memoryview(content)
    while rest:  # the system may take less than it is offered
        taken = disk(os.write, handle, rest)
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest = rest[taken:]


def _fsync(handle: int) -> None:
    try:
        disk(os.fsync, handle)
    except OSError as error:
        if error.errno not in _NO_FORCING:
            raise


def _force(path: str | os.PathLike[str], *, is_folder: bool) -> None:
    try:
        handle = disk(os.open, path, os.O_RDONLY if is_folder else os.O_RDWR)
        try:
            _fsync(handle)
        finally:
            disk(os.close, handle)
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
