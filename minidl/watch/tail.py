"""The end of a file of rows that grows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minidl.store import files, records, system


class Tail:
    """metrics.csv by column, of which only what was added is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file, self._bytes, self._head = -1, 0, b""
        self._columns: dict[str, np.ndarray] = {}

    def read(self) -> dict[str, np.ndarray]:
        """All whole rows so far. Raises OSError, and ValueError where they aren't rows."""
        found = system.stat_of(self.path)
        if found is None:
            self._begin()
            return {}
        if found.st_ino != self._file or found.st_size < self._bytes:  # a run went on from before
            self._begin()
            self._file = found.st_ino
        added = files.read(self.path, offset=self._bytes)
        added = added[: added.rfind(b"\n") + 1]  # the last row may be half written
        if added:
            head = self._head or added[: added.index(b"\n") + 1]
            rows = records.decode_columns(self._head + added)
            for name, cells in rows.items():
                before = self._columns.get(name, np.empty(0))
                self._columns[name] = np.concatenate([before, np.asarray(cells, dtype=float)])
            self._head = head
            self._bytes += len(added)
        return dict(self._columns)

    def _begin(self) -> None:
        self._file, self._bytes, self._head = -1, 0, b""
        self._columns = {}
