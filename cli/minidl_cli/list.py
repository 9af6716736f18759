"""minidl list: the runs in a folder, newest first."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from minidl.errors import RunError
from minidl.report.escape import csv_text
from minidl.runs import RunFolder, find_runs
from minidl_cli.output import harmless, show

_DEFAULT = Path("runs")
_STYLES = {"done": "green", "running": "cyan", "interrupted": "yellow"}  # the others are red
_HEADS = ("name", "status", "epochs", "test loss", "accuracy", "R²", "parameters", "time", "when")
_TEXT_COLUMNS = ("name", "status", "when")


class Format(StrEnum):
    table = "table"
    csv = "csv"
    json = "json"


@dataclass(frozen=True)
class Row:
    """What is listed of a run; None where the run doesn't say."""

    name: str
    status: str
    epochs: int | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    test_r2: float | None = None
    parameters: int | None = None
    seconds: float | None = None
    started: str | None = None
    problem: str | None = None
    path: str = ""


def list_runs(
    runs_dir: Annotated[
        Path, typer.Option(help="The folder whose runs are listed, those of sweeps included.")
    ] = _DEFAULT,
    format: Annotated[Format, typer.Option(help="How the list is printed.")] = Format.table,
) -> None:
    """List the runs, newest first."""
    # Before the first training there is no folder, which is nobody's mistake.
    known = runs_dir.exists() or runs_dir != _DEFAULT
    rows = [read_row(run) for run in find_runs([runs_dir])] if known else []
    if format is Format.json:
        print(json.dumps([vars(row) for row in rows], indent=2))
    elif format is Format.csv:
        show(_csv(rows).removesuffix("\n"))
    elif not rows:
        empty = f"no runs in {runs_dir} yet: `minidl train CONFIG` makes one"
        print(harmless(empty), file=sys.stderr)
    elif sys.stdout.isatty():
        _print_rich(rows)
    else:
        print(_plain(rows))


def read_row(run: RunFolder) -> Row:
    """A run's row; a broken folder gives one that says what is wrong with it."""
    try:
        record = run.read_record()
        metrics = run.read_columns() if run.metrics_path.exists() else {}
    except RunError as error:
        return Row(run.path.name, "broken", problem=str(error), path=str(run.path))
    final = record.get("final")
    last = {name: cells[-1] for name, cells in metrics.items() if cells}
    scores = {**last, **(final if isinstance(final, dict) else {})}
    started = record.get("started")
    return Row(
        name=run.path.name,
        status=run.status,
        epochs=_whole(last.get("epoch", record.get("epochs"))),
        test_loss=_number(scores.get("test_loss")),
        test_accuracy=_number(scores.get("test_accuracy")),
        test_r2=_number(scores.get("test_r2")),
        parameters=_whole(record.get("parameters")),
        seconds=_number(record.get("seconds")),
        started=started if isinstance(started, str) else None,
        path=str(run.path),
    )


def _number(value: Any) -> float | None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if good else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _cells(row: Row) -> list[str]:
    """A row as people read it, in the order of _HEADS."""
    accuracy = None if row.test_accuracy is None else f"{100 * row.test_accuracy:.1f} %"
    return [
        _printable(row.name),
        row.status,
        _or_blank(row.epochs, "d"),
        _or_blank(row.test_loss, ".4g"),
        accuracy or "",
        _or_blank(row.test_r2, ".3f"),
        _or_blank(row.parameters, ",d"),
        "" if row.seconds is None else _duration(row.seconds),
        _when(row.started),
    ]


def _or_blank(value: float | None, spec: str) -> str:
    return "" if value is None else format(value, spec)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def _when(started: str | None) -> str:
    """Local time to the minute."""
    try:
        return f"{datetime.fromisoformat(started or '').astimezone():%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return ""


def _printable(text: str) -> str:
    """A folder's name without what would move a terminal's cursor."""
    return "".join(character if character.isprintable() else "�" for character in text)


def _table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Heads and cells, without the columns in which no run has anything."""
    table = [_cells(row) for row in rows]
    used = [i for i, head in enumerate(_HEADS) if head == "name" or any(r[i] for r in table)]
    return [_HEADS[i] for i in used], [[row[i] for i in used] for row in table]


def _plain(rows: Sequence[Row]) -> str:
    heads, table = _table(rows)
    widths = [max(map(len, column)) for column in zip(heads, *table, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if head in _TEXT_COLUMNS else cell.rjust(width)
            for head, cell, width in zip(heads, line, widths, strict=True)
        ).rstrip()
        for line in [heads, *table]
    ]
    problems = [f"{_printable(row.problem)}" for row in rows if row.problem]
    return "\n".join([*lines, *([""] if problems else []), *problems])


def _print_rich(rows: Sequence[Row]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    heads, table = _table(rows)
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        text = head in _TEXT_COLUMNS
        made.add_column(
            head, justify="left" if text else "right", overflow="fold", no_wrap=head != "name"
        )
    for row, cells in zip(rows, table, strict=True):
        colour = _STYLES.get(row.status, "red")
        styles = {"status": colour, "when": "dim"}
        # Text, so that a name like [red] is no markup.
        made.add_row(*(Text(cell, styles.get(h, "")) for h, cell in zip(heads, cells, strict=True)))
    console = Console()
    console.print(made)
    for row in rows:
        if row.problem:
            console.print(Text(_printable(row.problem), "red"))


def _csv(rows: Sequence[Row]) -> str:
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(Row.__dataclass_fields__)
    for row in rows:
        cells = vars(row).values()
        writer.writerow(csv_text(cell) if isinstance(cell, str) else cell for cell in cells)
    return content.getvalue()
