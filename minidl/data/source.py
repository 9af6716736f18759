"""A file that the user names, read once: its bytes, and their hash for the run's record."""

from __future__ import annotations

import hashlib
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from minidl.errors import DataError, RunError
from minidl.store import files, folders

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Source:
    """`path` is what the user named, `file` its short form for messages."""

    path: str
    file: str
    content: bytes
    sha256: str


def read_source(path: str | Path, limit: int) -> Source:
    """Reads a regular file of at most `limit` bytes. Raises DataError for anything else."""
    path = Path(path)
    file = short(path)
    try:
        status = files.disk(path.stat)
        if stat.S_ISDIR(status.st_mode):
            raise DataError(f"{file}: is a folder; name a file in it")
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{file}: isn't a regular file")
        content = files.read(path, limit + 1) if status.st_size <= limit else b""
        if max(status.st_size, len(content)) > limit:  # it may have grown meanwhile
            raise DataError(f"{file}: is larger than the {limit // MEBIBYTE} MiB that are read")
    except FileNotFoundError:
        if files.disk(path.is_symlink):
            raise DataError(f"{file}: is a link to a file that isn't there") from None
        raise DataError(f"{file}: there is no such file{_alternative(path)}") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        problem = DataError(f"{file}: can't be read: {_reason(error)}")
        raise files.as_failure(problem, error) from error
    if not content:
        raise DataError(f"{file}: is empty")
    return Source(str(path), file, content, hashlib.sha256(content).hexdigest())


def _reason(error: OSError | ValueError) -> str:
    return files.reason(error) if isinstance(error, OSError) else str(error)


def short(path: Path) -> str:
    """As short as it is clear: relative where the file lies below the current folder."""
    with suppress(OSError, ValueError):
        path = path.relative_to(Path.cwd())
    return str(path) if str(path).isprintable() else ascii(str(path))


def _alternative(path: Path) -> str:
    try:
        close = folders.closest(path)
    except RunError:
        return f" (nor a folder {str(path.parent)!r})"
    return f"; did you mean {close.name!r}?" if close else ""
