"""The table that `minidl list` prints."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from minidl.report.tables.escape import columns, csv_text
from minidl.report.tables.escape import line as one_line
from minidl.store.clock import local
from minidl_cli.listed import FIELDS, Row, SweepRow
from minidl_cli.output import duration, measured

Line = list[tuple[str, str]]  # pieces with their styles

# The first that a status holds; a sweep's may hold several.
_STYLES = {
    **dict.fromkeys(("failed", "broken", "diverged"), "red"),
    **dict.fromkeys(("interrupted", "not begun"), "yellow"),
    "running": "cyan",
    "done": "green",
}
COLUMNS = (
    *("name", "runs", "status", "epochs", "test_loss", "test_accuracy", "test_r2", "test_psnr"),
    *("parameters", "seconds", "started", "tags", "note"),
)
_HEADS = {"test_accuracy": "accuracy", "test_r2": "R²", "test_psnr": "PSNR"}
_HEADS |= {"seconds": "time", "started": "when"}
_TO_THE_LEFT = ("name", "status", "sweep", "started", "tags", "note", "path", "problem")
# Where a terminal is narrow.
_FIRST_TO_GO = ("note", "tags", "parameters", "seconds", "started", "epochs")
_GAP = "  "


def table_lines(
    rows: Sequence[Row], runs_dir: Path, width: int | None = None, keys: Sequence[str] = ()
) -> Iterator[Line]:
    """The table with the columns `keys`, and what is wrong with broken runs.

    Where it is too wide, each name gets a line of its own, for a name that is cut or folded can't
    be copied; and what matters least is left out, unless it was asked for.
    """
    cells = {key: [_cell(row, key, runs_dir) for row in rows] for key in keys or COLUMNS}
    table = {key: column for key, column in cells.items() if keys or key == "name" or any(column)}
    heads = _heads(list(table))
    widths = {key: max(map(columns, [heads[key], *column])) for key, column in table.items()}
    stacked = width is not None and "name" in widths and _total(widths) > width
    names = table["name"] if stacked else None
    if stacked:
        del widths["name"]
    for key in _FIRST_TO_GO:
        if not keys and width is not None and stacked and len(_GAP) + _total(widths) > width:
            widths.pop(key, None)
    top = _line(widths, [heads[key] for key in widths], styled=False)
    yield from [top] if names is None else [[("name", "")], [(_GAP, ""), *top]]
    for index in range(len(rows)):
        line = _line(widths, [table[key][index] for key in widths])
        yield from [line] if names is None else [[(names[index], "bold")], [(_GAP, ""), *line]]
    problems = [problem for row in rows for problem in (row.problem or "").splitlines()]
    yield from [[("", "")]] if problems else []
    yield from ([(one_line(problem), "red")] for problem in problems)


def print_in_colour(rows: Sequence[Row], runs_dir: Path, keys: Sequence[str] = ()) -> None:
    """The same on a terminal."""
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for line in table_lines(rows, runs_dir, console.width, keys):
        # Text, so that a name like [red] is no markup; whole, so that a long one can be copied.
        console.print(Text.assemble(*line), soft_wrap=True)


def as_csv(rows: Sequence[Row], keys: Sequence[str] = ()) -> str:
    """All of them with exact numbers, for a spreadsheet."""
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(keys or FIELDS)
    for row in rows:
        cells = (row.get(key) for key in keys or FIELDS)
        texts = (", ".join(cell) if isinstance(cell, (list, tuple)) else cell for cell in cells)
        writer.writerow(csv_text(cell) if isinstance(cell, str) else cell for cell in texts)
    return content.getvalue()


def _heads(keys: Sequence[str]) -> dict[str, str]:
    """Settings are as short as they stay unlike: lr."""
    from minidl.report.members.settings import heads

    settings = [key for key in keys if "." in key]
    short = dict(zip(settings, heads(settings), strict=True))
    return {key: _HEADS.get(key) or short.get(key) or key.replace("_", " ") for key in keys}


def _cell(row: Row, key: str, runs_dir: Path) -> str:
    """A value as people read it."""
    if key == "name":
        inside = Path(row.path).relative_to(runs_dir)
        return one_line(inside.as_posix() if inside.name else row.name)
    if key == "runs":
        return f"{row.runs:,}" if isinstance(row, SweepRow) else ""
    value = row.get(key)
    if key == "started":
        return _when(value)
    if key == "tags":
        return one_line(", ".join(value))
    if value is None and key not in row.others:
        return ""
    return _said(key, value)


def _said(key: str, value: Any) -> str:
    """In the order of how often they come: there may be ten thousand rows."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, float):
        if key == "seconds":
            return duration(value)
        if key.endswith("_r2"):
            return f"{value:.3f}"
        if key.endswith("_psnr"):
            return f"{value:.2f} dB"
        if "." not in key:
            return measured(key, value)
    if key in FIELDS and isinstance(value, int):
        return f"{value:,}" if key == "parameters" else str(value)
    from minidl.report.members.settings import show

    return one_line(show(value))


def _when(started: str | None) -> str:
    """Local time to the minute."""
    try:
        return f"{local(datetime.fromisoformat(started or '')):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return ""


def _line(widths: Mapping[str, int], cells: Sequence[str], styled: bool = True) -> Line:
    """One cell per column, padded to the column's width."""
    line: Line = []
    for (key, width), cell in zip(widths.items(), cells, strict=True):
        room = " " * (width - columns(cell))
        last = len(line) == len(widths) - 1
        text = cell + ("" if last else room) if key in _TO_THE_LEFT else room + cell
        colour = _colour(cell) if key == "status" and styled else ""
        line.append((text if last else text + _GAP, colour))
    return line


def _colour(status: str) -> str:
    return next((style for word, style in _STYLES.items() if word in status), "red")


def _total(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + len(_GAP) * (len(widths) - 1)
