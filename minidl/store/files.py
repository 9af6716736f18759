"""Files, read and written.

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
from collections.abc import Iterator
from pathlib import Path

from minidl.errors import DamagedError, WriteError
from minidl.store import owner, system
from minidl.store.forcing import force, force_folder, forced_later, fsync
from minidl.store.system import reason, stat_of

# What file systems answer to a rename over a file that is open elsewhere, until it is closed.
_OPEN_ELSEWHERE = (errno.EBUSY, errno.ETXTBSY)
_PATIENCE = (0.01, 0.1, 0.5)  # seconds between such attempts
_unfinished: set[Path] = set()  # what is there for as long as something is being done
MOST_BYTES = 2**28  # of a file of a run folder, but for checkpoints


# Reading. A file that is missing isn't a failure of the disk: the caller knows what that means.


def read(path: str | os.PathLike[str], limit: int | None = None, *, offset: int = 0) -> bytes:
    """A regular file's bytes from `offset` on, `limit` of them at most.

    Raises OSError; never waits for a pipe.
    """
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    handle = system.disk(os.open, path, flags)
    try:
        found = system.disk(os.fstat, handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        with os.fdopen(handle, "rb", closefd=False) as file:
            if offset:
                system.disk(file.seek, offset)
            # No more memory than is asked for, even if the file grows meanwhile.
            content: bytes = system.disk(file.read, min(limit, found.st_size) if limit else -1)
    finally:
        system.disk(os.close, handle)
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
        return [Path(folder) / name for name in sorted(system.disk(os.listdir, folder))]
    except OSError as error:
        raise WriteError(f"{os.fspath(folder)}: can't be read: {reason(error)}") from error


def folders_in(folder: str | os.PathLike[str]) -> list[str]:
    """The names of the folders in a folder, sorted, without links to some. Raises WriteError."""
    try:
        return sorted(system.disk(_scan, folder))
    except OSError as error:
        raise WriteError(f"{os.fspath(folder)}: can't be read: {reason(error)}") from error


def _scan(folder: str | os.PathLike[str]) -> list[str]:
    # Where the system says with a name what has it, no folder is asked about by itself.
    with os.scandir(folder) as found:
        return [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]


def write_atomic(
    path: str | os.PathLike[str],
    content: bytes,
    *,
    keep: str | os.PathLike[str] | None = None,
) -> None:
    """Makes `path` hold exactly `content`, or leaves it as it was.

    If `keep` is given, what it held before is moved there; a kill in between leaves only that. A
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
        handle = system.disk(os.open, path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            before = system.disk(os.fstat, handle).st_size
            try:
                write_all(handle, text.encode())
            except BaseException:
                with contextlib.suppress(OSError):
                    system.disk(os.ftruncate, handle, before)
                raise
        finally:
            system.disk(os.close, handle)
    except OSError as error:
        raise WriteError(f"{os.fspath(path)}: can't be written: {reason(error)}") from error


def remove(path: str | os.PathLike[str]) -> None:
    """Deletes a file, if it is there. Raises WriteError, which names it."""
    try:
        system.disk(Path(path).unlink, missing_ok=True)
    except OSError as error:
        raise WriteError(f"{os.fspath(path)}: can't be removed: {reason(error)}") from error


def rename(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Renames, also over a file that is there. Raises OSError.

    Patient with a file system on which nobody may have that one open.
    """
    for seconds in _PATIENCE:
        try:
            system.disk(os.replace, source, target)
        except OSError as error:
            if error.errno not in _OPEN_ELSEWHERE:
                raise
            time.sleep(seconds)
        else:
            return
    system.disk(os.replace, source, target)


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
            system.disk(shutil.rmtree if path.is_dir() else os.unlink, path)


def temporary_name() -> str:
    """A temporary file's name, which says whose it is: see `folders.remove_temporaries`."""
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
                system.disk(path.unlink, missing_ok=True)
            raise


def write_new(path: Path, content: bytes) -> None:
    """Writes a file that isn't there yet, in place. Raises OSError.

    Forces it to the disk, unless that is done together with others: the caller says which then.
    """
    handle = system.disk(os.open, path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        write_all(handle, content)
        if not forced_later():
            fsync(handle)
    finally:
        system.disk(os.close, handle)


def write_all(handle: int, content: bytes) -> None:
    """Writes into an open file, whatever the system takes at a time. Raises OSError."""
    rest = memoryview(content)
    while rest:  # the system may take less than it is offered
        taken = system.disk(os.write, handle, rest)
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest = rest[taken:]
