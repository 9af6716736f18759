"""A file of rows and columns, as a table of texts; `formats.py` has those that aren't text.

It is read with the `csv` module rather than pandas' reader, which pads short rows, leaves blank
lines out of its count and guesses a type for each column. Here every row has the header's length
and the number that a spreadsheet shows, and a cell is text until its column's meaning is known.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from minidl.data.compressed import unpacked
from minidl.data.fastcsv import read_fast
from minidl.data.formats import format_of, read_frame, sheet_records
from minidl.data.messages import Problems, composed, delimiter_doubt, quoted
from minidl.data.rows import Rows
from minidl.data.source import MEBIBYTE, Source, read_source
from minidl.errors import DataError
from minidl.plural import plural
from minidl.spec.table import is_encoding

if TYPE_CHECKING:
    import pandas as pd

    from minidl.spec.table import CsvData

MOST_BYTES = 256 * MEBIBYTE  # a cell of text takes some 60 bytes of memory; `arrays` are leaner
MOST_COLUMNS = 10_000
MOST_CELLS = 50_000_000  # many short ones take more memory than a file's size tells
MOST_IN_LINE = 1_000_000  # delimiters
MOST_BLANK = 1_000_000  # rows
MOST_RAGGED = 10_000  # rows unlike the header, after which the rest isn't read


@dataclass(frozen=True)
class Dialect:
    """How a file is written: see the options of `minidl.spec.CsvData`."""

    delimiter: str = ","
    encoding: str = "utf-8"
    header: bool | tuple[str, ...] = True
    skip_rows: int = 0
    comment: str | None = None

    @classmethod
    def of(cls, spec: CsvData) -> Dialect:
        """That of a config."""
        return cls(spec.delimiter, spec.encoding, spec.header, spec.skip_rows, spec.comment)

    def __post_init__(self) -> None:
        known = self.delimiter == "whitespace" or len(self.delimiter) == 1
        if not known or self.delimiter in '\r\n"':
            raise DataError(
                f"delimiter: expected one character, such as ',', or whitespace, but got"
                f" {self.delimiter!r}"
            )
        if not is_encoding(self.encoding):
            raise DataError(f"encoding: there is none named {quoted(self.encoding)}")

    @property
    def separator(self) -> str:
        """The one character between cells."""
        return " " if self.delimiter == "whitespace" else self.delimiter


def read_table(
    path: str | Path, dialect: Dialect | None = None, problems: Problems | None = None
) -> pd.DataFrame:
    """Reads a file of at most 256 MiB and 10,000 columns, of text (also packed by gzip or zip),
    or in one of the formats of `formats.py`.

    Cells are texts without surrounding blanks, None where empty. The index is the row's number in
    the file, the first line being row 1; blank rows are left out. Raises DataError for a file that
    can't be read, and for rows unlike the header; with `problems` these join them, and the other
    rows are returned.
    """
    return parse_table(read_source(path, MOST_BYTES), dialect or Dialect(), problems)


def parse_table(source: Source, dialect: Dialect, problems: Problems | None = None) -> pd.DataFrame:
    """`read_table` for a file that is already in memory."""
    collected = problems or Problems()
    rows = parse_rows(source, dialect, collected)
    collected.add(*rows.ragged_problems(source.file))
    if problems is None or rows.table.empty:
        collected.check()
    return rows.table


def parse_rows(
    source: Source,
    dialect: Dialect,
    problems: Problems,
    is_text: Callable[[str], bool] | None = None,
    markers: Sequence[str] = (),
) -> Rows:
    """All rows of a file. Raises DataError, also with `problems`, where it holds no table.

    is_text: says of which columns the cells must be texts, as they stand; others may come as
        floats, with gaps for the `markers`.
    """
    import pandas as pd

    kind = format_of(source.path)
    if kind in ("parquet", "feather"):
        frame = read_frame(source, MOST_CELLS, is_text)
        problems.add(*_header_problems(list(frame.columns), 0, source.file))
        problems.check()
        frame.columns = frame.columns.map(composed)
        return Rows(frame, {}, (), 0)
    if kind == "text":
        source = unpacked(source, MOST_BYTES)
        records = _records(source, dialect)
    else:
        records = (one for one in sheet_records(source) if one[0] > dialect.skip_rows)
    header_row, header = next(records, (0, []))
    if not header:
        raise DataError(f"{source.file}: holds blank rows only")
    first = [] if dialect.header is True else [(header_row, header)]
    if dialect.header is False:
        header = [f"x{number}" for number in range(1, len(header) + 1)]
    elif dialect.header is not True:
        header = list(dialect.header)
    header = [composed(name) for name in header]
    unnamed = tuple(f"column {i}" for i, name in enumerate(header, start=1) if not name)
    header = [name or f"column {i}" for i, name in enumerate(header, start=1)]
    if wrong := list(_header_problems(header, header_row, source.file)):
        problems.add(*wrong)
    if is_text is not None and not wrong and kind == "text":
        content = source.content.removeprefix(codecs.BOM_UTF8)
        fast = read_fast(content, dialect, header, MOST_CELLS, is_text, markers)
        if fast is not None and len(fast):
            return Rows(fast, {}, unnamed, header_row)
    rows: list[int] = []
    cells: list[list[str | None]] = []
    ragged: dict[int, str] = {}
    more = 0
    for row, record in _chained(first, records):
        if (len(rows) + 1) * len(header) > MOST_CELLS:
            raise DataError(
                f"{source.file}: has more than the {MOST_CELLS:,} cells that are read; use `arrays`"
            )
        if len(record) == len(header):
            rows.append(row)
            cells.append([cell or None for cell in record])
        elif len(header) == 1 and (doubt := delimiter_doubt(header[0])):
            raise DataError(
                f"{source.file}: the header is one column, {quoted(header[0])}: {doubt}"
            )
        else:
            ragged[row] = _ragged(record, header, dialect)
            more += len(record) == len(header) + 1
            if len(ragged) == MOST_RAGGED:
                break
    if more and more == len(ragged) and not cells:
        raise DataError(
            f"{source.file}: each row has one cell more than the header names columns: if these are"
            " the rows' names, write `header: [row, …]` with a name for each column, and"
            f" `skip_rows: {header_row}`"
        )
    if wrong:
        problems.add(*(f"{source.file}: row {row} {what}" for row, what in ragged.items()))
        problems.check()  # which column is which can't be said
    if not (rows or ragged):
        raise DataError(f"{source.file}: holds a header, but no rows below it")
    index = pd.Index(rows, name="row", dtype="int64")
    table = pd.DataFrame(cells, columns=header, index=index, dtype=object)
    return Rows(table, ragged, unnamed, header_row)


def _chained(
    first: list[tuple[int, list[str]]], records: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    yield from first
    yield from records


def _ragged(record: list[str], header: list[str], dialect: Dialect) -> str:
    hint = ""
    if dialect.delimiter != "whitespace" and len(record) > len(header):
        hint = f"; a cell that holds {dialect.delimiter!r} must stand in quotes"
    names = "the header names" if dialect.header is True else "there are names for"
    return f"has {plural(len(record), 'cell')}, but {names} {plural(len(header), 'column')}{hint}"


def _records(source: Source, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """The rows that aren't blank, with their numbers, counted from 1."""
    lines = _lines(source, dialect)
    separator = dialect.separator
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=separator != " ", strict=True)
    if dialect.delimiter == "whitespace":
        reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    row = blank = 0
    try:
        for row, record in enumerate(reader, start=1):
            stripped = [cell.strip() for cell in record]
            if any(stripped):
                yield row, stripped
            elif (blank := blank + 1) > MOST_BLANK + dialect.skip_rows:
                raise DataError(f"{source.file}: row {row}: so many rows are blank: remove them")
    except csv.Error as error:
        reason = str(error)
        if "unexpected end" in reason:
            reason = "a quote is opened, but never closed"
        raise DataError(f"{source.file}: row {row + 1}: not valid CSV: {reason}") from error


def _lines(source: Source, dialect: Dialect) -> Iterator[str]:
    """The lines of the text, decoded as they are read: all at once would take 5 bytes for each.

    Those that are no rows (skipped, comments) come as blank ones, so that rows keep their numbers.
    """
    content, encoding = source.content, codecs.lookup(dialect.encoding).name
    if encoding == "utf-8":
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise DataError(f"{source.file}: line 1: not UTF-8, but UTF-16: set `encoding: utf-16`")
        encoding = "utf-8-sig"
    if not encoding.startswith(("utf-16", "utf-32")) and (place := content.find(b"\0")) >= 0:
        line = content.count(b"\n", 0, place) + 1
        raise DataError(f"{source.file}: line {line}: holds a NUL byte; is it CSV, and in UTF-8?")
    text = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")
    blanks, comment, separator = (
        dialect.delimiter == "whitespace",
        dialect.comment,
        dialect.separator,
    )
    number = 0
    try:
        for number, line_text in enumerate(text, start=1):
            if number <= dialect.skip_rows or (comment and line_text.lstrip().startswith(comment)):
                yield "\n"
                continue
            if line_text.count(separator) > MOST_IN_LINE:
                most = f"{MOST_IN_LINE:,} {separator!r}"
                raise DataError(
                    f"{source.file}: line {number}: holds more than {most}; use `arrays`"
                )
            yield " ".join(line_text.split()) + "\n" if blanks else line_text
    except UnicodeError as error:
        raise _undecodable(source, encoding, number, error) from None


def _undecodable(source: Source, encoding: str, lines: int, error: UnicodeError) -> DataError:
    if encoding != "utf-8-sig":
        return DataError(f"{source.file}: line {lines + 1}: isn't written in {encoding}: {error}")
    try:
        source.content.decode()
    except UnicodeDecodeError as bad:
        line = source.content.count(b"\n", 0, bad.start) + 1
        byte = f"0x{source.content[bad.start]:02x}"
        return DataError(
            f"{source.file}: line {line}: not UTF-8 (byte {byte}): set `encoding`, often latin-1"
            " or cp1252, or save the file as UTF-8"
        )
    raise AssertionError("the text was not decodable")


def _header_problems(header: list[str], row: int, file: str) -> Iterator[str]:
    if len(header) > MOST_COLUMNS:
        raise DataError(
            f"{file}: has {len(header):,} columns; at most {MOST_COLUMNS:,} are read; use `arrays`"
        )
    seen = set()
    for name in header:
        if name in seen:
            yield f"{file}: row {row}: two columns are named {quoted(name)}; rename one"
        seen.add(name)
