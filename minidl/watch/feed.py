"""What changes in folders of runs, as a page is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minidl.errors import ConfigError, MinidlError, RunError
from minidl.report.html.data import PageData, as_json
from minidl.report.members.collect import Broken, Member, collected
from minidl.store import find, system
from minidl.store.run_folder import RunFolder
from minidl.watch.tail import Tail

Stamp = tuple[Any, ...]


@dataclass
class _Known:
    """A run folder as it was when it was last read."""

    stamp: Stamp
    found: Member | Broken
    tail: Tail
    started: float


class Feed:
    """The runs in some folders: all there is, then what changed, as JSON."""

    def __init__(self, title: str, paths: Sequence[Path]) -> None:
        self.title, self.paths = title, paths
        self._known: dict[str, _Known] = {}  # by where it really lies
        self._data: PageData | None = None
        self._whole: str | None = None

    def whole(self) -> str:
        """All there is, as it was when it was last read."""
        if self._data is None:
            self.poll()
        if self._whole is None and self._data is not None:
            self._whole = as_json({"kind": "all", **self._data.all()})
        return self._whole or ""

    def poll(self) -> str | None:
        """What has changed since the last time; None where nothing has."""
        changed = self._read()
        if not changed and self._data is not None:
            return None
        newest = sorted(self._known.values(), key=lambda one: one.started, reverse=True)
        collection = collected([one.found for one in newest])
        damaged = [broken.note for broken in collection.broken]
        data = PageData(self.title, collection.members, None, [*collection.notes, *damaged])
        before, self._data, self._whole = self._data, data, None
        if before is None or data.shape() != before.shape():
            return self.whole()
        data.sections = before.sections
        return as_json({"kind": "some", **data.some(changed)})

    def _read(self) -> set[Path]:
        """The run folders that came, went, or aren't as they were; they are read anew."""
        changed: set[Path] = set()
        there: set[str] = set()
        for path in self.paths:
            try:
                below = [*find.runs_below(path)]
            except MinidlError:  # it went, and may come back
                continue
            for folder, place in below:
                there.add(place)
                run, known = RunFolder(folder), self._known.get(place)
                stamp = _stamp(run)
                if known and known.stamp == stamp and not _has_died(known.found):
                    continue
                self._known[place] = _found(run, stamp, known)
                changed.add(folder)
        for place in self._known.keys() - there:
            del self._known[place]
            changed.add(Path(place))
        return changed


def _stamp(run: RunFolder) -> Stamp:
    """What tells whether a file of a run was written since."""
    further = (rows.path for rows in run.further.values())
    paths = (run.config_path, run.record_path, run.metrics_path, *further)
    found = map(system.stat_of, paths)
    return tuple(one and (one.st_ino, one.st_size, one.st_mtime_ns) for one in found)


def _has_died(found: Member | Broken) -> bool:
    """Whether a run's process ended without a word."""
    if isinstance(found, Broken) or found.record.status != "running":
        return False
    return found.folder.status_now(found.record) != "running"


def _found(run: RunFolder, stamp: Stamp, known: _Known | None) -> _Known:
    tail = known.tail if known else Tail(run.metrics_path)
    record = None
    found: Member | Broken
    try:
        record = run.read_record()
        found = Member.read(run, record)
        if record.metrics is None:  # it trains, or was killed: nothing says how long the file is
            found.know(tail.read())
    except (RunError, ConfigError, OSError, ValueError) as error:
        found = Broken.of(run, error)
    return _Known(stamp, found, tail, find.started(run, record))
