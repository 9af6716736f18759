"""How a file is written, found out by looking: for `minidl new`; training guesses nothing."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from minidl.data.cells import number
from minidl.data.compressed import unpacked
from minidl.data.csvfile import MOST_BYTES, Dialect
from minidl.data.formats import format_of, sheet_records
from minidl.data.source import MEBIBYTE, Source
from minidl.errors import DataError

MOST_SAMPLED = 16 * MEBIBYTE  # bytes of a larger file that are looked at
LINES = 200  # by which the delimiter is chosen
DELIMITERS = (",", ";", "\t", "|", ":", "whitespace")


@dataclass(frozen=True)
class Sniffed:
    """A file's dialect, why it was chosen, and the bytes that were looked at (whole lines)."""

    dialect: Dialect
    reasons: dict[str, str]
    source: Source
    whole: bool


def sniff(source: Source) -> Sniffed:
    """Raises DataError for a file that holds no table."""
    if (kind := format_of(source.path)) != "text":
        return _of_cells(source, kind)
    source = unpacked(source, MOST_BYTES)
    content, whole, reasons = source.content, True, {}
    encoding = _encoding(content)
    if len(content) > MOST_SAMPLED and not encoding.startswith("utf-16"):
        content, whole = content[: content.rindex(b"\n", 0, MOST_SAMPLED) + 1], False
    if encoding != "utf-8":
        reasons["encoding"] = "it isn't UTF-8"
    try:
        text = content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeError as error:
        raise DataError(f"{source.file}: isn't written in {encoding}: {error}") from error
    lines = text[: 4 * MEBIBYTE].splitlines()[: 2 * LINES]
    first = next((line for line in lines if line.strip()), "")
    comment = first.lstrip()[:1] if first.lstrip()[:1] in ("#", "%") else None
    if comment:
        reasons["comment"] = f"lines that begin with {comment} are no rows"
        lines = ["" if line.lstrip().startswith(comment) else line for line in lines]
    delimiter, width = _delimiter(lines)
    skipped = _skipped(lines, delimiter, width)
    if skipped:
        reasons["skip_rows"] = "lines before the table"
    dialect = Dialect(delimiter, encoding, True, skipped, comment)
    rows = [row for line in lines[skipped:] if (row := cells_of(line, delimiter)) and any(row)]
    header, why = _header(rows, width)
    if header is False or isinstance(header, tuple):
        reasons["header"] = why
    if isinstance(header, tuple):
        at = next(i for i, line in enumerate(lines) if i >= skipped and line.strip())
        dialect = replace(dialect, skip_rows=at + 1)
    return Sniffed(
        replace(dialect, header=header), reasons, replace(source, content=content), whole
    )


def _of_cells(source: Source, kind: str) -> Sniffed:
    """Of a file that isn't text: only a sheet may lack its header."""
    header, reasons = True, {}
    if kind == "excel":
        rows = [cells for _, cells in islice(sheet_records(source), LINES)]
        found, why = _header(rows, len(rows[0]) if rows else 0)
        if found is False:
            header, reasons = False, {"header": why}
    return Sniffed(Dialect(header=header), reasons, source, True)


def _encoding(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for encoding in ("utf-8", "cp1252"):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def cells_of(line: str, delimiter: str) -> list[str]:
    """The cells of one line."""
    blanks = delimiter == "whitespace"
    try:
        row = next(
            csv.reader(
                [" ".join(line.split()) if blanks else line],
                delimiter=" " if blanks else delimiter,
                skipinitialspace=True,
            ),
            [],
        )
    except csv.Error:
        return []
    return [cell.strip() for cell in row]


def _delimiter(lines: Sequence[str]) -> tuple[str, int]:
    """The one that cuts most lines into the same number of cells, and that number."""
    best, found = (0.0, 0), (",", 1)
    filled = [line for line in lines if line.strip()][:LINES]
    for delimiter in DELIMITERS:
        counts = Counter(len(cells_of(line, delimiter)) for line in filled)
        width, lines_of_it = counts.most_common(1)[0] if counts else (1, 0)
        share = lines_of_it / max(len(filled), 1)
        if width == 1 or share < 0.6:
            continue
        score = (share, width)
        if delimiter in (":", "whitespace") and found[1] > 1:  # which also stand inside cells
            better = found[0] == "\t" and delimiter == "whitespace" and share == 1
            if not better or width <= found[1]:
                continue
            best = (0.0, 0)
        if score > best:
            best, found = score, (delimiter, width)
    return found


def _skipped(lines: Sequence[str], delimiter: str, width: int) -> int:
    """How many lines (a title, a note) stand before the first that has the table's columns."""
    title = next((i for i, line in enumerate(lines[:4]) if i and not line.strip()), 0)
    if title and any(map(str.strip, lines[:title])) and len(lines) > 2 * title + 2:
        return title + 1
    for number_of_line, line in enumerate(lines[:50]):
        cells = cells_of(line, delimiter)
        if any(cells) and len(cells) in (width, width - 1):
            return number_of_line if any(map(str.strip, lines[:number_of_line])) else 0
    return 0


def _header(rows: list[list[str]], width: int) -> tuple[bool | tuple[str, ...], str]:
    """Whether the first row has the names; or names for all where it lacks or repeats some."""
    if not rows:
        return True, ""
    first, below = rows[0], [row for row in rows[1:] if len(row) == width]
    if len(first) == width - 1 and below:
        return _distinct(["row", *first]), "the rows' names have no head"
    numbers = [is_number(cell) for cell in first]
    years = all(re.fullmatch(r"(19|20)\d\d", c) for c, n in zip(first, numbers, strict=True) if n)
    if any(numbers) and not years:
        return False, "its first row has numbers"
    seen = [any(cell and row[i] == cell for row in below) for i, cell in enumerate(first)]
    if below and sum(seen) * 2 > len(first):
        return False, "its first row is like the others"
    if len({*filter(None, first)}) < len([*filter(None, first)]):
        return _distinct(first), "it names two columns alike"
    return True, ""


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    for i, name in enumerate(names, start=1):
        stem, count = name or f"column {i}", 1
        while (free := stem if count == 1 else f"{stem} {count}") in found:
            count += 1
        found.append(free)
    return tuple(found)


def is_number(text: str) -> bool:
    value = number(text.replace(",", "."))
    return value == value and bool(re.search(r"\d", text))
