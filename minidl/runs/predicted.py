"""The rows that a trained network is given, and what it says of them, as files."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from minidl.data.cells import PLAIN, Notation
from minidl.data.csvfile import MOST_BYTES, Dialect, parse_rows
from minidl.data.formats import need_package
from minidl.data.messages import MOST_PROBLEMS, MOST_ROWS, Problems
from minidl.data.source import read_source
from minidl.errors import DataError
from minidl.plural import plural
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
        """An error that lists the problems, those that are the same in one line."""
        rows: dict[str, list[int]] = {}
        for row, what in sorted(self.problems.items()):
            rows.setdefault(f"{' ' if row in self.ragged else ', '}{what}", []).append(row)
        found = [
            f"{file}: row {first}{what}{_and_rows(others)}"
            for what, (first, *others) in rows.items()
        ]
        more = len(found) - MOST_PROBLEMS
        listed = found[:MOST_PROBLEMS]
        return DataError(*listed, *([f"and {more:,} more problems"] if more > 0 else []))


def _and_rows(others: Sequence[int]) -> str:
    if not others:
        return ""
    listed = ", ".join(map(str, others[:MOST_ROWS])) + (", …" if len(others) > MOST_ROWS else "")
    return f" (and in {plural(len(others), 'more row')}: {listed})"


@dataclass
class PredictedRows:
    """What the network says: a row of `says` for each row of the table.

    metrics: how good that is where the file has the target: accuracy or mse, beside the number of
    rows and the baseline (majority or mean); else empty.
    """

    given: GivenRows
    says: pd.DataFrame
    metrics: dict[str, float]

    def frame(self, *, inputs: bool = False) -> pd.DataFrame:
        """The row's number and what the network says, with `inputs` the file's columns and the
        rows' parts, too; cells of rows with a problem are missing.
        """
        import pandas as pd

        given, says = self.given, self.says.set_axis(self.given.table.index)
        if given.problems:
            says = says.loc[~says.index.isin(list(given.problems))].reindex(says.index)
        blocks, own = [], ["row"]
        if inputs and given.parts:
            blocks.append(pd.DataFrame({0: says.index.map(given.parts)}, index=says.index))
            own.append("part")
        first, taken = len(own), [str(name) for name in given.table.columns] if inputs else []
        blocks += [given.table.set_axis(taken, axis=1)] if inputs else []
        blocks.append(says)
        table = pd.concat(blocks, axis=1)
        if given.ragged:
            table = table.reindex(sorted({*table.index, *given.ragged}))
        own += map(str, self.says.columns)
        if given.problems:
            problems = [given.problems.get(row) for row in table.index]
            table = pd.concat([table, pd.Series(problems, index=table.index, dtype=object)], axis=1)
            own.append("problem")
        own = free_names(own, taken)
        table.insert(0, "row", table.index, allow_duplicates=True)
        table.columns = pd.Index([*own[:first], *taken, *own[first:]])
        return table.reset_index(drop=True)

    def content(
        self, written: str = "csv", *, inputs: bool = False, for_spreadsheet: bool = False
    ) -> bytes:
        """The same as a file of csv, jsonl, json or parquet.

        for_spreadsheet: cells that a spreadsheet would run as formulas get an apostrophe. Raises
        DataError where a package is missing.
        """
        table = self.frame(inputs=inputs)
        if for_spreadsheet:
            table.columns = table.columns.map(spreadsheet_safe)
            texts = [i for i, kind in enumerate(table.dtypes) if kind.kind == "O"]
            for place in texts:
                table.isetitem(place, table.iloc[:, place].map(spreadsheet_safe).to_numpy())
        if written == "csv":
            return table.to_csv(index=False, lineterminator="\n").encode()
        if written in ("jsonl", "json"):
            rows = table.astype(object).where(table.notna(), None).to_dict("records")
            lines = [json.dumps(row, ensure_ascii=False) for row in rows]
            return _as_array(lines) if written == "json" else _as_lines(lines)
        need_package("predictions", "parquet")
        found = io.BytesIO()
        table.to_parquet(found, index=False)
        return found.getvalue()


def _as_lines(rows: Sequence[str]) -> bytes:
    return "".join(f"{row}\n" for row in rows).encode()


def _as_array(rows: Sequence[str]) -> bytes:
    inside = ",\n".join(f"  {row}" for row in rows)
    return (f"[\n{inside}\n]\n" if rows else "[]\n").encode()


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


def notation_of(spec: Spec) -> Notation:
    """How the numbers of a run's table are written."""
    data = spec.data
    return Notation(data.decimal, data.thousands) if isinstance(data, CsvData) else PLAIN


def read_rows(
    spec: Spec, path: Path, changes: Mapping[str, str], numbers: Collection[str]
) -> GivenRows:
    """The rows of a table, written as the run's was but for `changes`.

    numbers: columns whose cells may come as numbers, which is faster; others come as they stand.
    """
    data = spec.data
    own = Dialect.of(data) if isinstance(data, CsvData) else Dialect()
    notation = notation_of(spec)
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
