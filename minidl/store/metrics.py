"""metrics.csv: a row per epoch, appended; a checksum tells whether it is what was written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minidl.errors import DamagedError
from minidl.store import files, forcing, records, system

Row = Mapping[str, float | int | None]
Columns = dict[str, list[float]]
BESIDE = ("epoch", "step", "seconds")  # columns that say when, and measure nothing


class MetricsFile:
    """The rows of one run. Whoever writes them asks for `mark()`, and checks against it later.

    A mark is the length and the SHA-256 of all rows so far: {"bytes": …, "sha256": …}.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._columns: tuple[str, ...] | None = None
        self._digest = hashlib.sha256()
        self._bytes = 0
        self._known = False  # whether columns and digest are those of the file

    def append(self, *rows: Row) -> None:
        """Adds rows; the first row's keys are the header, and every later row has the same.

        Floats are written exactly (repr); None as an empty cell; NaN as `nan`, so that a
        divergence is seen.
        """
        if not rows:
            return
        self._know()
        columns = self._columns or tuple(rows[0])
        lines = [] if self._columns else [records.encode_row(columns)]
        for row in rows:
            if tuple(row) != columns:
                raise ValueError(f"metrics must have the columns {columns}, not {tuple(row)}")
            lines.append(records.encode_row(row.values()))
        text = "".join(lines)
        files.append(self.path, text)
        self._columns, content = columns, text.encode()
        self._digest.update(content)
        self._bytes += len(content)

    def mark(self) -> dict[str, Any]:
        """Length and checksum of what was written."""
        self._know()
        return {"bytes": self._bytes, "sha256": self._digest.hexdigest()}

    def first(self, rows: int) -> bytes:
        """The file as it was when it held so many rows."""
        content = files.read_sound(self.path) if rows else b""
        return b"".join(content.splitlines(keepends=True)[: rows + 1 if rows else 0])

    def mark_of(self, rows: int) -> dict[str, Any]:
        """The mark of the first rows, as it was when there were no more."""
        content = self.first(rows)
        return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def read(self, mark: Mapping[str, Any] | None = None, *, whole: bool = False) -> Columns:
        """The rows by column, an empty cell as NaN; whole numbers stay integers.

        With a mark, the rows that it stands for; `whole` says that there must be no others. Without
        one, a last line without its line end is left out: it was being written when the process
        died. Raises DamagedError where the file is missing or isn't what was written.
        """
        try:
            return records.decode_columns(self._content(mark, whole))
        except ValueError as error:
            raise DamagedError(f"{self.path}: is damaged: {error}") from error

    def read_last(self, mark: Mapping[str, Any] | None = None) -> dict[str, float]:
        """The last row, as `read` gives it; empty where there is none.

        With a mark, which must stand for the whole file, no other row is decoded.
        """
        content = self._content(mark, whole=True)
        try:
            if mark is None:  # what else says whether the file is damaged?
                records.decode_columns(content)
            return records.decode_last_row(content)
        except ValueError as error:
            raise DamagedError(f"{self.path}: is damaged: {error}") from error

    def check(self, mark: Mapping[str, Any]) -> None:
        """Raises DamagedError unless the file holds exactly what a mark stands for."""
        self._content(mark, whole=True)

    def cut(self, mark: Mapping[str, Any]) -> None:
        """Drops the rows that came after a mark."""
        content = self._content(mark, whole=False)
        if not content:
            files.remove(self.path)
        elif (found := system.stat_of(self.path)) and found.st_size > len(content):
            files.write_atomic(self.path, content)
        self._known = False

    def force(self) -> None:
        """Forces the rows to the disk, before a checkpoint that relies on them is written."""
        if self._bytes:
            forcing.force(self.path)

    def _content(self, mark: Mapping[str, Any] | None, whole: bool) -> bytes:
        if mark is None:
            return files.read_sound(self.path)
        size, digest = mark.get("bytes"), mark.get("sha256")
        if not isinstance(size, int):
            raise DamagedError(f"{self.path}: its checksum is missing")
        content = files.read_sound(self.path) if size or files.is_file(self.path) else b""
        fits = len(content) == size if whole else len(content) >= size
        if not fits or hashlib.sha256(content[:size]).hexdigest() != digest:
            raise DamagedError(f"{self.path}: is damaged: the checksum doesn't fit")
        return content[:size]

    def _know(self) -> None:
        """Learn columns and checksum of a file that is there already."""
        if self._known:
            return
        content = files.read_sound(self.path) if files.is_file(self.path) else b""
        try:
            names = list(records.decode_columns(content))
        except ValueError as error:
            raise DamagedError(f"{self.path}: is damaged: {error}") from error
        self._columns = tuple(names) or None
        self._digest, self._bytes = hashlib.sha256(content), len(content)
        self._known = True
