"""The rows that a trained network is given, and what it says of them, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidl.data.cells import PLAIN, Notation
from minidl.data.csvfile import MOST_BYTES, Dialect, parse_rows
from minidl.data.messages import MOST_PROBLEMS, Problems
from minidl.data.source import read_source
from minidl.errors import DataError
from minidl.spec import CsvData, Spec
from minidl.store.records import spreadsheet_safe

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class GivenRows:
    """A table (index: the rows' numbers in the file), and the rows that can't be predicted.

    problems: why, by the row's number; rows unlike the header are there, and not in the table.
    parts: train or test by the row's number, where the file is the one that was trained from.
    """

    table: pd.DataFrame
    problems: dict[int, str] = field(default_factory=dict)
    parts: dict[int, str] = field(default_factory=dict)
    notation: Notation = PLAIN
    sha256: str = ""
    ragged: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.table) + len(self.ragged)

    def note(self, row: int, problem: str) -> None:
        """One reason more why a row can't be predicted."""
        before = self.problems.get(row)
        self.problems[row] = f"{before}; {problem}" if before else problem

    def error(self, file: str) -> DataError:
        """An error that lists the problems."""
        found = [
            f"{file}: row {row}{' ' if row in self.ragged else ', '}{what}"
            for row, what in sorted(self.problems.items())
        ]
        more = len(found) - MOST_PROBLEMS
        listed = found[:MOST_PROBLEMS]
        return DataError(*listed, *([f"and {more:,} more problems"] if more > 0 else []))


@dataclass
class PredictedRows:
    """What the network says: `heads` and, for each row of the table, as many `cells`.

    metrics: how good that is where the file has the target: accuracy or mse, beside the number of
    rows and the baseline (majority or mean); else empty.
    """

    given: GivenRows
    heads: list[str]
    cells: list[list[Any]]
    metrics: dict[str, float]

    def text(self, *, inputs: bool = False, for_spreadsheet: bool = False) -> str:
        """CSV: the row's number and what the network says, with `inputs` the file's columns and
        the rows' parts, too.

        for_spreadsheet: cells that a spreadsheet would run as formulas get an apostrophe.
        """
        given = self.given
        table = given.table if inputs else given.table.iloc[:, :0]
        parts = given.parts if inputs else {}
        own = ["row", *(["part"] if parts else []), *self.heads]
        own += ["problem"] if given.problems else []
        own = free_names(own, map(str, table.columns))
        first = 2 if parts else 1
        heads = [*own[:first], *table.columns, *own[first:]]
        predicted = dict(zip(given.table.index, self.cells, strict=True))
        known = table.astype(object).where(table.notna(), "").to_numpy()
        places = {number: i for i, number in enumerate(table.index)}
        content = io.StringIO()
        writer = csv.writer(content, lineterminator="\n")
        safe = spreadsheet_safe if for_spreadsheet else _as_it_is
        writer.writerow(map(safe, heads))
        empty = [""] * len(self.heads)
        for number in sorted({*places, *given.ragged}):
            problem = given.problems.get(number)
            place = places.get(number)
            writer.writerow(
                [
                    number,
                    *([parts.get(number, "")] if parts else []),
                    *map(safe, known[place] if place is not None else [""] * table.shape[1]),
                    *map(safe, empty if problem else predicted[number]),
                    *([safe(problem or "")] if given.problems else []),
                ]
            )
        return content.getvalue()


def _as_it_is(value: Any) -> Any:
    return value


def free_names(names: Iterable[str], taken: Iterable[str]) -> list[str]:
    """The names, changed where they are taken: `predicted_kind`, then `predicted_kind_2`."""
    known, found = set(taken), []
    for name in names:
        free, number = name, 1
        if free in known:
            free = stem = f"predicted_{name}"
            while free in known:
                number += 1
                free = f"{stem}_{number}"
        known.add(free)
        found.append(free)
    return found


def read_rows(
    spec: Spec, path: Path, changes: Mapping[str, str], numbers: Collection[str]
) -> GivenRows:
    """The rows of a table, written as the run's was but for `changes`.

    numbers: columns whose cells may come as numbers, which is faster; others come as they stand.
    """
    data = spec.data
    own = Dialect.of(data) if isinstance(data, CsvData) else Dialect()
    notation = Notation(data.decimal, data.thousands) if isinstance(data, CsvData) else PLAIN
    dialect = replace(
        own,
        delimiter=changes.get("delimiter", own.delimiter),
        encoding=changes.get("encoding", own.encoding),
    )
    if "decimal" in changes:
        thousands = notation.thousands if changes["decimal"] == notation.decimal else None
        notation = Notation(changes["decimal"], thousands)
    source, problems = read_source(path, MOST_BYTES), Problems()
    fast = bool(numbers) and notation == PLAIN
    found = parse_rows(
        source, dialect, problems, (lambda name: name not in numbers) if fast else None
    )
    if found.table.empty and isinstance(data, CsvData) and isinstance(dialect.header, tuple):
        # The target, which has a name in the config, may well not be there.
        others = tuple(name for name in dialect.header if name != data.target)
        found = parse_rows(source, replace(dialect, header=others), problems)
    problems.check()
    return GivenRows(
        found.table,
        dict(found.ragged),
        notation=notation,
        sha256=source.sha256,
        ragged=frozenset(found.ragged),
    )
