"""The trash of a folder of runs: what is removed goes there first, and can be moved back.

It is runs/.trash, in which a run or a sweep has the path that it had in runs. Hidden, it is passed
over wherever runs are looked for.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from minidl.errors import RunError, WriteError
from minidl.store import files, folders, system
from minidl.store.forcing import force_folder
from minidl.store.locks import is_locked, locked
from minidl.store.run_folder import RunFolder, is_run, is_sweep

TRASH = ".trash"


def check_removable(path: Path) -> None:
    """Raises RunError for what isn't a run or a sweep, is reached by a link, or is worked on."""
    folders.refuse_link(path)
    if not (is_run(path) or is_sweep(path)):
        what = "isn't a run or a sweep" if files.is_folder(path) else "no such run or sweep"
        raise RunError(f"{path}: {what}")
    if any(map(is_locked, _locks(path))):
        raise RunError(f"{path}: is in use by another process: it isn't removed")


def move_to_trash(path: Path, runs_dir: Path) -> Path:
    """Moves a run or a sweep into the trash, and returns where it is now.

    That of `runs_dir` where it lies in that, else of the folder in which it lies. Raises RunError
    as `check_removable` does, and WriteError where the disk fails.
    """
    check_removable(path)
    whole = path.absolute()
    top = runs_dir.absolute() if whole.is_relative_to(runs_dir.absolute()) else whole.parent
    folders.refuse_link(top / TRASH)
    wanted = top / TRASH / whole.relative_to(top)
    target = next(one for one in _names(wanted) if system.stat_of(one, follow=False) is None)
    folders.make(target.parent)
    with contextlib.ExitStack() as locks:
        # Those of a sweep's runs are files inside it, which is moved.
        for one in _locks(path)[: 1 if is_sweep(path) else None]:
            locks.enter_context(locked(one))
        try:
            system.disk(os.rename, path, target)
        except OSError as error:
            message = f"can't be moved to {target}: {system.reason(error)}"
            raise WriteError(f"{path}: {message}") from error
    force_folder(path.parent)
    force_folder(target.parent)
    return path.parent / os.path.relpath(target, whole.parent) if not path.is_absolute() else target


def empty_trash(runs_dir: Path) -> int:
    """Deletes what lies in the trash of a folder of runs; returns how many runs that were."""
    trash = runs_dir / TRASH
    folders.refuse_link(trash)
    if not files.is_folder(trash):
        return 0
    count = sum(1 for _ in _runs_below(trash))
    folders.remove(trash)
    return count


def _locks(path: Path) -> list[Path]:
    """What is locked while somebody works on a run: it, or its sweep; of a sweep, any of both."""
    inside = [path / name for name in files.folders_in(path)] if is_sweep(path) else []
    above = RunFolder(path).sweep
    return [*([above] if above else []), path, *filter(is_run, inside)]


def _names(wanted: Path) -> Iterator[Path]:
    """The path, then name-2, name-3, …"""
    yield wanted
    yield from (wanted.with_name(f"{wanted.name}-{number}") for number in itertools.count(2))


def _runs_below(folder: Path) -> Iterator[Path]:
    for name in files.folders_in(folder):
        path = folder / name
        yield from [path] if is_run(path) else _runs_below(path)
