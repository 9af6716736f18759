"""A CSV file with a header row, as a table of texts.

It is read with the `csv` module rather than pandas' reader, which pads short rows, leaves blank
lines out of its count and guesses a type for each column. Here every row has the header's length
and the number that a spreadsheet shows, and a cell is text until its column's meaning is known.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from minidl.data.messages import Problems, delimiter_doubt, quoted
from minidl.data.source import MEBIBYTE, Source, read_source
from minidl.errors import DataError
from minidl.plural import plural

if TYPE_CHECKING:
    import pandas as pd

MOST_BYTES = 256 * MEBIBYTE  # a cell of text takes some 60 bytes of memory; `arrays` are leaner
MOST_COLUMNS = 10_000
MOST_CELLS = 50_000_000  # many short ones take more memory than a file's size tells
MOST_IN_LINE = 1_000_000  # delimiters
MOST_BLANK = 1_000_000  # rows
MOST_RAGGED = 10_000  # rows unlike the header, after which the rest isn't read

# Spellings of a missing value, in lower case: those of pandas.
MISSING = frozenset({"", "na", "n/a", "#n/a", "#na", "<na>", "nan", "null", "none"})


def read_table(
    path: str | Path, delimiter: str = ",", problems: Problems | None = None
) -> pd.DataFrame:
    """Reads a CSV file (UTF-8, header row) of at most 256 MiB and 10,000 columns.

    Cells are texts without surrounding blanks; missing ones (empty, NA, N/A, NaN, null, None) are
    None. The index is the row's number in the file, the header being row 1; blank rows are left
    out. Raises DataError for a file that can't be read, and for rows unlike the header; with
    `problems` these join them, and the other rows are returned.
    """
    return parse_table(read_source(path, MOST_BYTES), delimiter, problems)


def parse_table(source: Source, delimiter: str, problems: Problems | None = None) -> pd.DataFrame:
    """`read_table` for a file that is already in memory."""
    import pandas as pd

    records = _records(source, delimiter)
    header_row, header = next(records, (0, []))
    if not header:
        raise DataError(f"{source.file}: holds blank rows only")
    noted, problems = problems is not None, problems or Problems()
    if wrong := list(_header_problems(header, header_row, source.file)):
        noted = False  # which column is which can't be said
        problems.add(*wrong)
    rows: list[int] = []
    cells: list[list[str | None]] = []
    ragged = 0
    for row, record in records:
        if (len(rows) + 1) * len(header) > MOST_CELLS:
            raise DataError(
                f"{source.file}: has more than the {MOST_CELLS:,} cells that are read; use `arrays`"
            )
        if len(record) == len(header):
            rows.append(row)
            cells.append([None if cell.lower() in MISSING else cell for cell in record])
        elif len(header) == 1 and (doubt := delimiter_doubt(header[0])):
            raise DataError(
                f"{source.file}: the header is one column, {quoted(header[0])}: {doubt}"
            )
        else:
            problems.add(
                f"{source.file}: row {row} has {plural(len(record), 'cell')}, but the header"
                f" names {plural(len(header), 'column')}; a cell that holds {delimiter!r} must"
                " stand in quotes"
            )
            ragged += 1
            if ragged == MOST_RAGGED:
                break
    if not (noted and cells):
        problems.check()
    if not rows:
        raise DataError(f"{source.file}: holds a header, but no rows below it")
    return pd.DataFrame(cells, columns=header, index=pd.Index(rows, name="row"), dtype=object)


def _records(source: Source, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that aren't blank, with their numbers, counted from 1."""
    if len(delimiter) != 1 or delimiter in '\r\n"':
        raise DataError(f"delimiter: expected one character, such as ',', but got {delimiter!r}")
    lines = _lines(source, delimiter)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != " ", strict=True)
    row = blank = 0
    try:
        for row, record in enumerate(reader, start=1):
            stripped = [cell.strip() for cell in record]
            if any(stripped):
                yield row, stripped
            elif (blank := blank + 1) > MOST_BLANK:
                raise DataError(f"{source.file}: row {row}: so many rows are blank: remove them")
    except csv.Error as error:
        reason = str(error)
        if "unexpected end" in reason:
            reason = "a quote is opened, but never closed"
        raise DataError(f"{source.file}: row {row + 1}: not valid CSV: {reason}") from error


def _lines(source: Source, delimiter: str) -> Iterator[str]:
    """The lines of the text, decoded as they are read: all at once would take 5 bytes for each."""
    content = source.content
    if content.startswith(b"PK\x03\x04"):
        raise DataError(f"{source.file}: is a zip or Excel file; export the table as CSV")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{source.file}: line 1: not UTF-8, but UTF-16; save the file as UTF-8")
    if (place := content.find(b"\0")) >= 0:
        line = content.count(b"\n", 0, place) + 1
        raise DataError(f"{source.file}: line {line}: holds a NUL byte; is it CSV, and in UTF-8?")
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
    try:
        for number, line_text in enumerate(text, start=1):
            if line_text.count(delimiter) > MOST_IN_LINE:
                most = f"{MOST_IN_LINE:,} {delimiter!r}"
                raise DataError(
                    f"{source.file}: line {number}: holds more than {most}; use `arrays`"
                )
            yield line_text
    except UnicodeDecodeError:
        raise _not_utf8(source) from None


def _not_utf8(source: Source) -> DataError:
    try:
        source.content.decode()
    except UnicodeDecodeError as error:
        line = source.content.count(b"\n", 0, error.start) + 1
        byte = f"0x{source.content[error.start]:02x}"
        return DataError(
            f"{source.file}: line {line}: not UTF-8 (byte {byte}); save the file as UTF-8"
        )
    raise AssertionError("the text was not decodable")


def _header_problems(header: list[str], row: int, file: str) -> Iterator[str]:
    if len(header) > MOST_COLUMNS:
        raise DataError(
            f"{file}: has {len(header):,} columns; at most {MOST_COLUMNS:,} are read; use `arrays`"
        )
    seen = set()
    for number, name in enumerate(header, start=1):
        if not name:
            yield f"{file}: row {row}: column {number} has no name; name or remove it"
        elif name in seen:
            yield f"{file}: row {row}: two columns are named {quoted(name)}; rename one"
        seen.add(name)
