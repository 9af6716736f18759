"""A table as aligned lines, cut into several where a terminal is too narrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from minidl.report.tables.escape import columns, line
from minidl.report.tables.fold import fold, longest_word
from minidl.report.tables.grid import Column

GAP = "  "
_WORTH_KEYS = 1.6  # times as many lines are no price for keys in every part
_LONGEST_WORD = 24  # longer words are cut where a column is folded


def column_blocks(given: Sequence[Column], width: int | None = None) -> list[list[str]]:
    """The columns as lines, heads first; several such blocks where `width` is too narrow for one.

    What gives way first: heads are folded, then long texts, then the table is cut. Each part begins
    with the keys; or with the rows' numbers, where that takes far fewer lines, as the keys of
    unlike runs may fill a terminal by themselves.
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
    folded = _fold(keys, width - widest - len(GAP))
    numbers = [Column("#", [str(i + 1) for i in range(len(made[0].cells))], number=True)]
    ways = []
    for first, rest in ((folded, others), (numbers, made)):
        room = width - _width(first) - len(GAP)
        fitting = [_fold([column], room)[0] for column in rest]
        if first is numbers or all(_cell_width(column) <= room for column in fitting):
            ways.append([_lines([*first, *part]) for part in _parts(fitting, room)])
    lengths = [sum(map(len, parts)) for parts in ways]
    return ways[0] if lengths[0] < _WORTH_KEYS * lengths[-1] else ways[-1]


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
    """The head on as many lines as the cells' width asks for, no word cut."""
    width = max([columns(cell) for cell in column.cells], default=1)
    return replace(column, head=fold(column.head, width, whole=True))


def _fold(given: Sequence[Column], room: int) -> list[Column]:
    """Columns whose cells are folded, the widest first, until they fit or no word would."""
    widths = [_cell_width(column) for column in given]
    least = [_least(column) for column in given]
    while sum(widths) + len(GAP) * (len(widths) - 1) > room:
        spare = [width - low for width, low in zip(widths, least, strict=True)]
        if max(spare, default=0) <= 0:
            break
        widest = max((w, i) for i, w in enumerate(widths) if spare[i] > 0)
        widths[widest[1]] -= 1
    return [
        replace(
            column,
            head=fold(column.head, width),
            cells=[fold(cell, width) for cell in column.cells],
        )
        for column, width in zip(given, widths, strict=True)
    ]


def _least(column: Column) -> int:
    """The width below which words would be cut; numbers are never folded."""
    if column.number:
        return _cell_width(column)
    return min(max(map(longest_word, (column.head, *column.cells))), _LONGEST_WORD)


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
