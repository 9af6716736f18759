"""The rows of a table's file, or of several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from minidl.data.messages import absent_columns
from minidl.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Rows:
    """The cells of a file as texts; an empty one is None.

    table: its index is the row's number in the file, counted from 1, its header included.
    ragged: rows that don't fit the header, by their numbers: `has 1 cell, but …`.
    unnamed: the columns without a name, which are called `column 1` (the number in the file).
    """

    table: pd.DataFrame
    ragged: dict[int, str]
    unnamed: tuple[str, ...]
    header_row: int

    def ragged_problems(self, file: str) -> Iterator[str]:
        """What to say about rows unlike the header."""
        return (f"{file}: row {row} {what}" for row, what in self.ragged.items())


def joined(each: Mapping[str, Rows]) -> Rows:
    """Several files' rows, by the files' names, one below the other.

    The table's index has the file and the row's number in it; names and order of the columns are
    the first file's. Raises DataError for a file that lacks one.
    """
    import pandas as pd

    if len(each) == 1:
        return next(iter(each.values()))
    first = next(iter(each.values()))
    columns = list(first.table.columns)
    for file, found in each.items():
        if complaint := absent_columns(columns, found.table.columns):
            raise DataError(f"{file}: {complaint} (as the first of the files)")
    tables = {file: found.table[columns] for file, found in each.items()}
    ragged = {row: what for found in each.values() for row, what in found.ragged.items()}
    return replace(first, table=pd.concat(tables, names=["file", "row"]), ragged=ragged)
