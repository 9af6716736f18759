"""Finding the runs that lie in folders."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from minidl.errors import RunError
from minidl.store import files
from minidl.store.run_folder import RunFolder, is_run, need_folder

_DEPTH = 3  # a folder of sweeps of runs


def find_runs(paths: Iterable[str | os.PathLike[str]]) -> list[RunFolder]:
    """The run folders that are, or lie in, the given folders, newest first, each once.

    Hidden folders and links are passed over. Raises RunError where a path isn't a folder.
    """
    found: dict[Path, RunFolder] = {}
    for path in map(Path, paths):
        need_folder(path)
        for folder in _walk(path, _DEPTH):
            found.setdefault(folder.resolve(), RunFolder(folder))
    return sorted(found.values(), key=lambda run: (_started(run), run.path.name), reverse=True)


def _walk(folder: Path, depth: int) -> Iterable[Path]:
    if is_run(folder):
        yield folder
    elif depth:
        for entry in files.entries(folder):
            if not (entry.name.startswith(".") or files.is_link(entry)) and files.is_folder(entry):
                yield from _walk(entry, depth - 1)


def _started(run: RunFolder) -> float:
    """When a run started, in seconds; a damaged record leaves the folder's own time."""
    try:
        return datetime.fromisoformat(run.read_record().started or "").timestamp()
    except (RunError, ValueError, OverflowError):
        found = files.stat_of(run.path)
        return found.st_mtime if found else 0.0
