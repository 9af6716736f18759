"""Run folders → members: what a report needs to know of each run, read fast and once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from minidl.errors import ConfigError, RunError
from minidl.report.members.configs import read_settings
from minidl.report.members.measures import measured
from minidl.report.members.settings import IGNORED, SEEDS, Settings
from minidl.store import files
from minidl.store.find import find_runs
from minidl.store.run_folder import RunFolder, is_sweep
from minidl.store.run_record import ENDED, STATUSES, RunRecord


@dataclass(frozen=True)
class Member:
    """One run: its settings and its record."""

    folder: RunFolder
    settings: Settings
    record: RunRecord

    @classmethod
    def read(cls, folder: RunFolder) -> Member:
        """Raises RunError and ConfigError where a file of the folder is damaged."""
        record = folder.read_record()
        if record.status not in STATUSES:
            raise RunError(f"{folder.record_path}: is damaged: it gives no known status")
        if record.status == "running":
            record.status = folder.status_now(record)
        if record.status == "failed" and not files.is_file(folder.config_path):
            raise RunError(f"{folder.path}: failed before it began{_error_of(folder)}")
        folder.check_config(record)
        if record.metrics is not None:
            folder.metrics.check(record.metrics)
        settings = read_settings(folder.config_path)
        # Where whole components were swept, their options tell two of one type apart.
        for key, value in record.sweep.items():
            if isinstance(value, str) and key in settings and "(" in value:
                settings[key] = value
        return cls(folder, settings, record)

    @property
    def name(self) -> str:
        return self.folder.path.name

    @property
    def status(self) -> str:
        return str(self.record.status)

    @property
    def finished(self) -> bool:
        """Whether the metrics are those of a whole training."""
        return self.status == "done"

    @cached_property
    def experiment(self) -> tuple[Any, ...]:
        """Equal for runs that differ by seed alone."""
        return tuple(sorted((k, repr(v)) for k, v in self.settings.items() if k not in IGNORED))

    @property
    def seeds(self) -> tuple[Any, ...]:
        return tuple(self.settings.get(key) for key in SEEDS)

    def value(self, metric: str, epoch: str = "last") -> float:
        return measured(self.record, metric, epoch)

    @cached_property
    def columns(self) -> dict[str, np.ndarray]:
        """metrics.csv by column. Raises RunError where it is damaged or missing."""
        table = self.folder.read_columns()
        return {name: np.asarray(cells, dtype=float) for name, cells in table.items()}


@dataclass(frozen=True)
class Broken:
    """A run folder that can't be read, and why, in one line."""

    path: Path
    problem: str


@dataclass(frozen=True)
class Collection:
    """The runs of a report, in the order of their names, and the folders that are damaged."""

    members: Sequence[Member]
    broken: Sequence[Broken] = ()
    notes: Sequence[str] = field(default=())


def run_folders(paths: Sequence[Path]) -> list[Path]:
    """The paths without what `SWEEP/*` finds beside the runs: files, and the folder plots."""
    beside = [p for p in paths if files.is_file(p) or (p.name == "plots" and is_sweep(p.parent))]
    return [p for p in paths if p not in beside] or list(paths)


def collect(paths: Iterable[str | Path]) -> Collection:
    """All runs in run and sweep folders.

    Of runs with the same config and the same seed one counts, a finished one and the newest of
    those: a repetition isn't another sample. Raises RunError where a path isn't a folder or where
    there is no run at all.
    """
    paths = run_folders([Path(path) for path in paths])
    members, broken = [], []
    for folder in find_runs(paths):
        try:
            members.append(Member.read(folder))
        except (RunError, ConfigError) as error:
            broken.append(Broken(folder.path, " ".join(str(error).split())))
    if not members and not broken:
        raise RunError(f"{', '.join(map(str, paths))}: holds no runs")
    kept = _each_once(members)
    notes = []
    if repeats := len(members) - len(kept):
        notes.append(
            f"{repeats} of {len(members)} runs left out: of those with the same config and seed "
            "the newest counts"
        )
    return Collection(sorted(kept, key=lambda member: member.name), broken, notes)


def _each_once(members: Sequence[Member]) -> list[Member]:
    """Newest first, so the first of its kind stays, unless a later one is finished instead."""
    kept: dict[Any, Member] = {}
    for member in members:
        key = (member.experiment, member.seeds)
        if key not in kept or (_ended(member) and not _ended(kept[key])):
            kept[key] = member
    return list(kept.values())


def _ended(member: Member) -> bool:
    """Divergence is a result too."""
    return member.status in ENDED


def _error_of(folder: RunFolder) -> str:
    """The first line of error.txt, which a sweep leaves in the folder of a member that failed."""
    try:
        first = files.read(folder.path / "error.txt", 10_000).decode(errors="replace")
    except OSError:
        return ""
    return f": {first.strip().partition(chr(10))[0][:200]}"
