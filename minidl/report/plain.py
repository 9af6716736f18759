"""A table as aligned lines, cut into several where a terminal is too narrow."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace

from minidl.report.escape import columns, line
from minidl.report.grid import Column

GAP = "  "
_NARROWEST = 8  # a column of text is folded to this many characters, no fewer


def column_blocks(given: Sequence[Column], width: int | None = None) -> list[list[str]]:
    """The columns as lines, heads first; several such blocks where `width` is too narrow for one.

    What gives way first: heads are folded at their spaces, then long texts, then the table is cut,
    and each part begins with the keys.
    """
    made = [_clean(column) for column in given]
    if width is None or _width(made) <= width:
        return [_lines(made)]
    made = [_fold_head(column) for column in made]
    if _width(made) <= width:
        return [_lines(made)]
    keys = [column for column in made if column.key]
    others = [column for column in made if not column.key]
    widest = max((_cell_width(column) for column in others), default=0)
    keys = _fold_keys(keys, width - widest - len(GAP))
    return [_lines([*keys, *part]) for part in _parts(others, width - _width(keys) - len(GAP))]


def _clean(column: Column) -> Column:
    cells = [line(cell) for cell in column.cells]
    return replace(column, head=line(column.head), cells=_aligned(cells))


def _aligned(cells: Sequence[str]) -> list[str]:
    """The signs of `a ± b` below each other: the right sides padded to one width."""
    rights = [columns(cell.partition("±")[2]) for cell in cells]
    widest = max(rights, default=0)
    return [
        cell + " " * (widest - right) if right else cell
        for cell, right in zip(cells, rights, strict=True)
    ]


def _fold_head(column: Column) -> Column:
    """The head on as many lines as the cells' width asks for."""
    width = max([columns(cell) for cell in column.cells], default=1)
    spaced = column.head.replace("_", "_\0").replace(".", ".\0").replace(" ", " \0").split("\0")
    rows = [""]
    for piece in spaced:
        if rows[-1] and columns((rows[-1] + piece).rstrip()) > width:
            rows.append("")
        rows[-1] += piece
    return replace(column, head="\n".join(row.rstrip() for row in rows))


def _fold_keys(keys: Sequence[Column], room: int) -> list[Column]:
    """Keys whose cells are folded, the widest first, until they fit or can't be any narrower."""
    widths = [_cell_width(column) for column in keys]
    while keys and sum(widths) + len(GAP) * (len(widths) - 1) > room and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return [
        replace(
            column,
            head=_folded(column.head, width),
            cells=[_folded(cell, width) for cell in column.cells],
        )
        for column, width in zip(keys, widths, strict=True)
    ]


def _folded(text: str, width: int) -> str:
    pieces = [textwrap.wrap(row, width) or [""] for row in text.split("\n")]
    return "\n".join(piece for rows in pieces for piece in rows)


def _parts(others: Sequence[Column], room: int) -> Iterator[list[Column]]:
    """As many columns at a time as fit, at least one."""
    part: list[Column] = []
    for column in others:
        if part and _width([*part, column]) > room:
            yield part
            part = []
        part.append(column)
    if part:
        yield part


def _cell_width(column: Column) -> int:
    return max(columns(row) for text in (column.head, *column.cells) for row in text.split("\n"))


def _width(made: Sequence[Column]) -> int:
    return sum(map(_cell_width, made)) + len(GAP) * (len(made) - 1)


def _lines(made: Sequence[Column]) -> list[str]:
    """Heads at the bottom of their lines, cells at the top of theirs."""
    widths = [_cell_width(column) for column in made]
    heads = [column.head.split("\n") for column in made]
    deepest = max(map(len, heads))
    rows = [[""] * (deepest - len(head)) + head for head in heads]
    lines = [_line(made, widths, [row[i] for row in rows]) for i in range(deepest)]
    for cells in zip(*(column.cells for column in made), strict=True):
        folded = [cell.split("\n") for cell in cells]
        for i in range(max(map(len, folded))):
            row = [cell[i] if i < len(cell) else "" for cell in folded]
            lines.append(_line(made, widths, row))
    return ["\n".join(lines[:deepest]), *lines[deepest:]]


def _line(made: Sequence[Column], widths: Sequence[int], cells: Sequence[str]) -> str:
    padded = []
    for column, width, cell in zip(made, widths, cells, strict=True):
        room = " " * (width - columns(cell))
        padded.append(room + cell if column.number else cell + room)
    return GAP.join(padded).rstrip()
