"""A file that the user names, read once: its bytes, and their hash for the run's record."""

from __future__ import annotations

import hashlib
import stat
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from minidl.errors import DataError, RunError
from minidl.spec.file_data import Paths, each
from minidl.spec.paths import STDIN
from minidl.store import files, folders, system

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Source:
    """`path` is what the user named, `file` its short form for messages."""

    path: str
    file: str
    content: bytes
    sha256: str


def read_source(path: str | Path, limit: int) -> Source:
    """Reads a regular file of at most `limit` bytes, or of `-` standard input.

    Raises DataError for anything else.
    """
    path = Path(path)
    if path == STDIN:
        return _standard_input(limit)
    file = short(path)
    try:
        status = system.disk(path.stat)
        if stat.S_ISDIR(status.st_mode):
            raise DataError(f"{file}: is a folder; name a file in it")
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{file}: isn't a regular file")
        content = files.read(path, limit + 1) if status.st_size <= limit else b""
        if max(status.st_size, len(content)) > limit:  # it may have grown meanwhile
            raise DataError(f"{file}: is larger than the {limit // MEBIBYTE} MiB that are read")
    except FileNotFoundError:
        if system.disk(path.is_symlink):
            raise DataError(f"{file}: is a link to a file that isn't there") from None
        raise DataError(f"{file}: there is no such file{_alternative(path)}") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        problem = DataError(f"{file}: can't be read: {_reason(error)}")
        raise system.as_failure(problem, error) from error
    if not content:
        raise DataError(f"{file}: is empty")
    return Source(str(path), file, content, hashlib.sha256(content).hexdigest())


@cache
def _standard_input(limit: int) -> Source:
    """All of it, which can be read but once."""
    content = sys.stdin.buffer.read(limit + 1)
    if len(content) > limit:
        raise DataError(f"standard input: is larger than the {limit // MEBIBYTE} MiB that are read")
    if not content:
        raise DataError("standard input: is empty")
    return Source(str(STDIN), "standard input", content, hashlib.sha256(content).hexdigest())


def read_sources(paths: Paths, limit: int) -> list[Source]:
    """One file, several, or those that a pattern such as `part-*.csv` finds, sorted by name.

    At most `limit` bytes in all. Raises DataError.
    """
    found: list[Source] = []
    for path in each(paths):
        for one in _matching(path):
            found.append(read_source(one, limit))
            if sum(len(source.content) for source in found) > limit:
                raise DataError(
                    f"{named(paths)}: together larger than the {limit // MEBIBYTE} MiB that are"
                    " read"
                )
    return found


def _matching(path: Path) -> list[Path]:
    if not set(path.name) & set("*?[") or system.stat_of(path) is not None:
        return [path]
    found = []
    if files.is_folder(path.parent):
        found = [one for one in files.entries(path.parent) if fnmatchcase(one.name, path.name)]
    if not found:
        raise DataError(f"{short(path)}: no file has such a name")
    return found


def named(paths: Paths) -> str:
    """What messages call the files that a config names."""
    return ", ".join("standard input" if path == STDIN else short(path) for path in each(paths))


def digest_of(paths: Paths, hashes: Mapping[str, str]) -> str:
    """The SHA-256 of what a config names, by that of each path or pattern (`hashes_of`)."""
    return _joined([hashes[str(path)] for path in each(paths)])


def hashes_of(paths: Paths, sources: Sequence[Source]) -> dict[str, str]:
    """The SHA-256 of each path that a config names; of several files, that of their hashes."""
    found, rest = {}, list(sources)
    for path in each(paths):
        count = len(_matching(path))
        found[str(path)] = _joined([source.sha256 for source in rest[:count]])
        rest = rest[count:]
    return found


def _joined(digests: Sequence[str]) -> str:
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _reason(error: OSError | ValueError) -> str:
    return system.reason(error) if isinstance(error, OSError) else str(error)


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
