"""Run folders → members: what a report needs to know of each run, read fast and once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from minidl.errors import RunError
from minidl.report.members.configs import settings_of
from minidl.report.members.measures import measured
from minidl.report.members.settings import FOLD, FOLDS, IGNORED, SEEDS, Settings
from minidl.spec.loader import decode
from minidl.spec.paths import HASHES
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
    def read(cls, folder: RunFolder, record: RunRecord) -> Member:
        """`record` is what run.json holds.

        Raises RunError and ConfigError where a file of the folder is damaged.
        """
        if record.status not in STATUSES:
            raise RunError(f"{folder.record_path}: is damaged: it gives no known status")
        if record.status == "running":
            record.status = folder.status_now(record)
        if record.status == "failed" and not files.is_file(folder.config_path):
            raise RunError(f"{folder.path}: failed before it began{error_of(folder)}")
        config = folder.read_config(record)
        if record.metrics is not None:
            folder.metrics.check(record.metrics)
        if record.dynamics is not None:
            folder.dynamics.check(record.dynamics)
        settings = settings_of(decode(config, folder.config_path), folder.config_path)
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
        """Equal for runs that differ by seed alone; a file is known by its hash."""
        known = [path for path, digest in HASHES.items() if self.settings.get(digest)]
        others = (item for item in self.settings.items() if item[0] not in {*IGNORED, *known})
        return tuple(sorted((key, repr(value)) for key, value in others))

    @property
    def draw(self) -> tuple[Any, ...]:
        """What tells it from other runs of its experiment: its seeds, and its fold."""
        return tuple(self.settings.get(key) for key in (*SEEDS, FOLD))

    @property
    def folds(self) -> int:
        """Of how many folds it tests one; 0 where there are none."""
        folds = self.settings.get(FOLDS)
        return folds if isinstance(folds, int) else 0

    @property
    def test_share(self) -> float:
        """How many rows test for each that may train, where a fold does; else 0.

        In order of time only what comes before the fold trains.
        """
        number = self.settings.get(FOLD)
        if not self.folds or not isinstance(number, int):
            return 0.0
        return 1 / number if self.settings.get("data.split") == "time" else 1 / (self.folds - 1)

    def value(self, metric: str, epoch: str = "last") -> float:
        return measured(self.record, metric, epoch)

    def know(self, columns: Mapping[str, np.ndarray]) -> None:
        """Has metrics.csv by column from who has read it."""
        vars(self)["columns"] = columns

    @cached_property
    def columns(self) -> dict[str, np.ndarray]:
        """metrics.csv by column. Raises RunError where it is damaged or missing."""
        table = self.folder.read_columns(self.record)
        return {name: np.asarray(cells, dtype=float) for name, cells in table.items()}


@dataclass(frozen=True)
class Broken:
    """A run folder that can't be read, and why, in one line."""

    path: Path
    problem: str

    @classmethod
    def of(cls, folder: RunFolder, error: Exception) -> Broken:
        return cls(folder.path, " ".join(str(error).split()))

    @property
    def note(self) -> str:
        """What a report says of it."""
        return f"damaged and left out: {self.problem}"


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
    found: list[Member | Broken] = find_runs(paths, Member.read, Broken.of)
    if not found:
        raise RunError(f"{', '.join(map(str, paths))}: holds no runs")
    return collected(found)


def collected(found: Sequence[Member | Broken]) -> Collection:
    """What was found, newest first, as a collection: see `collect`."""
    members = [one for one in found if isinstance(one, Member)]
    broken = [one for one in found if isinstance(one, Broken)]
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
        key = (member.experiment, member.draw)
        if key not in kept or (_ended(member) and not _ended(kept[key])):
            kept[key] = member
    return list(kept.values())


def _ended(member: Member) -> bool:
    """Divergence is a result too."""
    return member.status in ENDED


def error_of(folder: RunFolder) -> str:
    """The first line of error.txt, which a sweep leaves in the folder of a member that failed."""
    try:
        first = files.read(folder.path / "error.txt", 10_000).decode(errors="replace")
    except OSError:
        return ""
    return f": {first.strip().partition(chr(10))[0][:200]}"
