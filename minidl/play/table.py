"""Points that were drawn on a page, and tables that were dropped there, as data of a spec."""

from __future__ import annotations

import csv
import io
import math
import string
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from minidl.errors import RunError
from minidl.play.bounds import MAX_CLASSES, MAX_POINTS
from minidl.play.plane import Frame
from minidl.spec import CsvData, Spec
from minidl.store import files, folders

MAX_DRAWN = 1000
MAX_COLUMNS, MAX_NAME = 50, 60  # of a dropped table; characters of a column's name
DRAWN, PREFIX = "points.csv", "minidl-play-"
_PLAIN = f"{string.ascii_letters}{string.digits}-_"  # characters of a file's name
_LARGEST = 1e6  # of a coordinate


@dataclass(frozen=True)
class Table:
    """A file of a page: where it lies, its text, its data's options, and the plane it was drawn in.

    said: what became of which column.
    """

    path: Path
    text: str
    options: dict[str, Any]
    classes: int  # 0: a regression
    frame: Frame | None = None
    said: str | None = None


class Tables:
    """The files of one page, in a folder that goes with it.

    Raises RunError for what is no table.
    """

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._count = 0
        self.current: Table | None = None

    def close(self) -> None:
        """Remove them."""
        if self._folder is not None:
            self._folder.cleanup()

    def own(self, spec: Spec) -> Table | None:
        """The present file, if it is all that a spec reads."""
        table, data = self.current, spec.data
        if table is None or not isinstance(data, CsvData):
            return None
        return table if {*data.files.values()} == {table.path} else None

    def placed(self, spec: Spec) -> Spec:
        """A spec that a page wrote, whose file is meant by its name alone."""
        data = spec.data
        if self.current is None or not isinstance(data, CsvData):
            return spec
        here = {
            key: self.current.path
            for key, path in data.files.items()
            if isinstance(path, Path) and path == Path.cwd() / self.current.path.name
        }
        return spec.model_copy(update={"data": data.model_copy(update=here)}) if here else spec

    def drawn(self, points: Any, low: Any, high: Any) -> Table:
        """Points [x, y, class], drawn in the plane from `low` to `high`.

        They are tested on themselves: each was put there to be seen.
        """
        frame = _frame(low, high)
        rows = [_point(one) for one in _list(points, "points", MAX_DRAWN)]
        classes = {int(row[2]) for row in rows}
        if len(classes) < 2:
            raise RunError("points: draw some of two classes at least")
        text = "".join(f"{x!r},{y!r},{int(c)}\n" for x, y, c in rows)
        own = {"features": ["x1", "x2"], "target": "class", "task": "classification"}
        path = self._written(DRAWN, text := f"x1,x2,class\n{text}")
        options = {**own, "standardize": False, "test_path": str(path)}
        return Table(path, text, options, len(classes), frame)

    def dropped(self, name: Any, text: Any) -> Table:
        """A table's text: the last column is to be predicted by the first two of numbers."""
        name = f"{_safe(str(name).removesuffix('.csv'))}.csv"
        names, rows = _parsed(str(text).removeprefix("\ufeff"), name)
        target = names[-1]
        numeric = [
            column for i, column in enumerate(names[:-1]) if all(_is_number(row[i]) for row in rows)
        ]
        if len(numeric) < 2:
            raise RunError(
                f"{name}: needs two columns of numbers before the last, {target!r}, which is to be"
                f" predicted; it has {len(numeric)}"
            )
        cells = [row[-1] for row in rows]
        distinct = len({*cells})
        regression = distinct > MAX_CLASSES and all(map(_is_number, cells))
        if distinct > MAX_CLASSES and not regression:
            raise RunError(
                f"{name}: {target!r} has {distinct} classes: a page draws at most {MAX_CLASSES}"
            )
        task = "regression" if regression else "classification"
        options = {"features": numeric[:2], "target": target, "task": task, "test_fraction": 0.2}
        said = f"{name}: {target!r} by {numeric[0]!r} and {numeric[1]!r}"
        path = self._written(name, str(text))
        return Table(path, str(text), options, 0 if regression else distinct, None, said)

    def keep(self, table: Table) -> None:
        """From now on it is the present one; the one before goes."""
        before, self.current = self.current, table
        if before is not None and before is not table:
            self.drop(before)

    def drop(self, table: Table) -> None:
        """Remove one that can't be trained on."""
        files.remove(table.path)

    def _written(self, name: str, text: str) -> Path:
        """Each lies in a folder of its own, so that the present one stays as it is."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
        self._count += 1
        path = Path(self._folder.name) / str(self._count) / name
        folders.make(path.parent)
        files.write_atomic(path, text.encode("utf-8", "replace"))
        return path


def _list(value: Any, name: str, most: int) -> Sequence[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise RunError(f"{name}: expected a list of at most {most:,}")
    return value


def _point(value: Any) -> tuple[float, float, float]:
    if not (isinstance(value, list) and len(value) == 3 and all(map(_is_coordinate, value))):
        raise RunError(f"points: expected [x, y, class], but got {str(value)[:40]}")
    x, y, index = map(float, value)
    if index not in range(MAX_CLASSES):
        raise RunError(f"points: expected a class from 0 to {MAX_CLASSES - 1}, but got {index:g}")
    return x, y, index


def _frame(low: Any, high: Any) -> Frame:
    for corner in (low, high):
        if not (isinstance(corner, list) and len(corner) == 2 and all(map(_is_coordinate, corner))):
            raise RunError(
                "points: expected the plane's corners, low and high, of two numbers each"
            )
    if not all(a < b for a, b in zip(low, high, strict=True)):
        raise RunError("points: expected a plane whose low lies below its high")
    return (float(low[0]), float(low[1])), (float(high[0]), float(high[1]))


def _is_coordinate(value: Any) -> bool:
    kind = isinstance(value, int | float) and not isinstance(value, bool)
    return kind and math.isfinite(value) and abs(value) <= _LARGEST


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _safe(name: str) -> str:
    kept = "".join(c if c in _PLAIN else "_" for c in name[:MAX_NAME])
    return kept or "table"


def _parsed(text: str, name: str) -> tuple[list[str], list[list[str]]]:
    """The header and the rows that aren't blank."""
    try:
        found = csv.reader(io.StringIO(text), strict=True)
        lines = [[cell.strip() for cell in row] for row in islice(found, MAX_POINTS + 2)]
    except csv.Error as error:
        raise RunError(f"{name}: isn't valid CSV: {error}") from error
    header, *rows = [line for line in lines if any(line)] or [[]]
    if len(rows) > MAX_POINTS:
        raise RunError(f"{name}: a page draws at most {MAX_POINTS:,} points, and it has more rows")
    if not rows or not 3 <= len(header) <= MAX_COLUMNS:
        raise RunError(
            f"{name}: expected a header of 3 to {MAX_COLUMNS} columns, commas between them, and"
            " rows below it"
        )
    if any(len(row) != len(header) for row in rows):
        raise RunError(f"{name}: each row must have as many cells as the header, {len(header)}")
    if not all(header) or len({*header}) < len(header) or max(map(len, header)) > MAX_NAME:
        raise RunError(
            f"{name}: its columns need names, each another, of at most {MAX_NAME} letters"
        )
    return header, rows
