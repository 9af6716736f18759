"""Finding the runs that lie in folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from minidl.errors import ConfigError, RunError
from minidl.store import files, system
from minidl.store.run_folder import RunFolder, is_run, need_folder
from minidl.store.run_record import RunRecord

Found = TypeVar("Found")

_DEPTH = 3  # a folder of sweeps of runs


def find_runs(
    paths: Iterable[str | os.PathLike[str]],
    read: Callable[[RunFolder, RunRecord], Found],
    damaged: Callable[[RunFolder, RunError | ConfigError], Found],
) -> list[Found]:
    """What `read` makes of each run that is, or lies in, the given folders, newest first.

    Each run counts once; hidden folders and links are passed over. run.json is decoded once, and
    `read` gets it at once, as it may soon be out of date. Where it can't be read, or where `read`
    raises RunError or ConfigError, what `damaged` makes of the error. Raises RunError where a path
    isn't a folder.
    """
    seen: set[str] = set()
    found: list[tuple[float, str, Found]] = []
    for path in map(Path, paths):
        need_folder(path)
        for folder, place in runs_below(path):
            if place not in seen:
                seen.add(place)
                found.append(_found(RunFolder(folder), read, damaged))
    found.sort(key=lambda one: one[:2], reverse=True)
    return [one for _, _, one in found]


def runs_below(folder: Path) -> Iterator[tuple[Path, str]]:
    """The run folders that a folder is or holds, and where they really lie."""
    yield from _walk(folder, os.path.realpath(folder), _DEPTH)


def _walk(folder: Path, place: str, depth: int) -> Iterator[tuple[Path, str]]:
    """No link is followed on the way."""
    if is_run(folder):
        yield folder, place
    elif depth:
        for name in files.folders_in(folder):
            if not name.startswith("."):
                yield from _walk(folder / name, f"{place}{os.sep}{name}", depth - 1)


def _found(
    run: RunFolder,
    read: Callable[[RunFolder, RunRecord], Found],
    damaged: Callable[[RunFolder, RunError | ConfigError], Found],
) -> tuple[float, str, Found]:
    record = None
    try:
        record = run.read_record()
        one = read(run, record)
    except (RunError, ConfigError) as error:
        one = damaged(run, error)
    return started(run, record), run.path.name, one


def started(run: RunFolder, record: RunRecord | None) -> float:
    """When a run started, in seconds; without a record that says it, the folder's own time."""
    try:
        return datetime.fromisoformat((record and record.started) or "").timestamp()
    except (ValueError, OverflowError):
        found = system.stat_of(run.path)
        return found.st_mtime if found else 0.0
