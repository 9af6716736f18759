"""minidl list: the runs in a folder, newest first."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from minidl.errors import RunError
from minidl.report.tables.escape import columns, csv_text
from minidl.report.tables.escape import line as one_line
from minidl.store import files
from minidl.store.clock import local
from minidl.store.find import find_runs
from minidl.store.run_folder import RunFolder, is_sweep
from minidl_cli.options import RUNS, Debug, Format, format_option
from minidl_cli.output import duration, harmless, measured, show

Line = list[tuple[str, str]]  # pieces with their styles

# The first that a status holds; a sweep's may hold several.
_STYLES = {
    **dict.fromkeys(("failed", "broken", "diverged"), "red"),
    **dict.fromkeys(("interrupted", "not begun"), "yellow"),
    "running": "cyan",
    "done": "green",
}
_HEADS = (
    *("name", "runs", "status", "epochs", "test loss", "accuracy", "R²", "PSNR"),
    *("parameters", "time", "when"),
)
_TEXT_COLUMNS = ("name", "status", "when")
_FIRST_TO_GO = ("parameters", "time", "when", "epochs")  # where a terminal is narrow
_GAP = "  "


_FORMATS = (Format.table, Format.csv, Format.json)


@dataclass(frozen=True)
class Row:
    """What is listed of a run; None where the run doesn't say."""

    name: str
    status: str
    sweep: str | None = None
    epochs: int | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    test_r2: float | None = None
    test_psnr: float | None = None
    parameters: int | None = None
    seconds: float | None = None
    started: str | None = None
    problem: str | None = None
    path: str = ""


@dataclass(frozen=True)
class SweepRow(Row):
    """All runs of a sweep as one."""

    runs: int = 0


def list_runs(
    runs_dir: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="The folder whose runs are listed, those of sweeps included."
        ),
    ] = RUNS,
    members: Annotated[
        bool, typer.Option("--members", help="A line for each run of a sweep, too.")
    ] = False,
    format: Annotated[Format | None, format_option(*_FORMATS)] = None,
    debug: Debug = False,
) -> None:
    """List the runs, newest first.

    A name is a folder in --runs-dir. A sweep is one line; with --members, and in csv and json, each
    run has its own: SWEEP/MEMBER.

    \b
    Example:
      minidl list --format csv > runs.csv
    """
    # Before the first training there is no folder, which is nobody's mistake.
    known = files.stat_of(runs_dir) is not None or runs_dir != RUNS
    rows = [read_row(run) for run in find_runs([runs_dir])] if known else []
    if format is Format.json:
        print(json.dumps([vars(row) for row in rows], indent=2))
        return
    if format is Format.csv:
        show(_csv(rows).removesuffix("\n"))
        return
    if not rows:
        empty = f"no runs in {runs_dir} yet: `minidl train CONFIG` makes one"
        print(harmless(empty), file=sys.stderr)
        return
    rows = rows if members else _folded(rows, runs_dir)
    if sys.stdout.isatty():
        _print_in_colour(rows, runs_dir)
    else:
        print("\n".join("".join(text for text, _ in line) for line in _lines(rows, runs_dir)))


def read_row(run: RunFolder) -> Row:
    """A run's row; a broken folder gives one that says what is wrong with it."""
    try:
        record = run.read_record()
        metrics = run.read_columns() if files.is_file(run.metrics_path) else {}
        status = run.status_now
    except RunError as error:
        return Row(run.path.name, "broken", _sweep(run), problem=str(error), path=str(run.path))
    # With what it had when it was last stopped in its record.
    running = record.get("status") == "running"
    final = {} if running else record.get("final")
    last = {name: cells[-1] for name, cells in metrics.items() if cells}
    scores = {**last, **(final if isinstance(final, dict) else {})}
    started = record.get("started")
    return Row(
        name=run.path.name,
        status=status,
        sweep=_sweep(run),
        epochs=_whole(last.get("epoch", record.get("epochs"))),
        test_loss=_number(scores.get("test_loss")),
        test_accuracy=_number(scores.get("test_accuracy")),
        test_r2=_number(scores.get("test_r2")),
        test_psnr=_number(scores.get("test_psnr")),
        parameters=_whole(record.get("parameters")),
        seconds=None if running else _number(record.get("seconds")),
        started=started if isinstance(started, str) else None,
        path=str(run.path),
    )


def _folded(rows: Sequence[Row], runs_dir: Path) -> list[Row]:
    """The rows with each sweep's as one, where its newest run stood.

    Of a sweep that is asked for itself, the runs.
    """
    folders: dict[Path, list[Row]] = {}
    for row in rows:
        place = Path(row.path)
        own = row.sweep is not None and place.parent != runs_dir
        folders.setdefault(place.parent if own else place, []).append(row)
    return [
        _sweep_row(place, own) if Path(own[0].path) != place else own[0]
        for place, own in folders.items()
    ]


def _sweep_row(folder: Path, rows: Sequence[Row]) -> SweepRow:
    from minidl.sweep.folder import SweepFolder

    counts = Counter(row.status for row in rows)
    counts["not begun"], _ = SweepFolder(folder).unbegun()
    counts = +counts
    status = ", ".join(f"{count} {name}" for name, count in counts.items())
    return SweepRow(
        name=folder.name,
        status=next(iter(counts)) if len(counts) == 1 else status,
        started=rows[0].started,
        problem="\n".join(row.problem for row in rows if row.problem) or None,
        path=str(folder),
        runs=counts.total(),
    )


def _sweep(run: RunFolder) -> str | None:
    """The name of the sweep that a run belongs to."""
    above = run.path.absolute().parent
    return above.name if is_sweep(above) else None


def _number(value: Any) -> float | None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if good else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _cells(row: Row, runs_dir: Path) -> list[str]:
    """A row as people read it, in the order of _HEADS."""
    inside = Path(row.path).relative_to(runs_dir)
    accuracy = None if row.test_accuracy is None else measured("accuracy", row.test_accuracy)
    return [
        one_line(inside.as_posix() if inside.name else row.name),
        f"{row.runs:,}" if isinstance(row, SweepRow) else "",
        row.status,
        _or_blank(row.epochs, "d"),
        _or_blank(row.test_loss, ".4g"),
        accuracy or "",
        _or_blank(row.test_r2, ".3f"),
        "" if row.test_psnr is None else f"{row.test_psnr:.2f} dB",
        _or_blank(row.parameters, ",d"),
        "" if row.seconds is None else duration(row.seconds),
        _when(row.started),
    ]


def _or_blank(value: float | None, spec: str) -> str:
    return "" if value is None else format(value, spec)


def _when(started: str | None) -> str:
    """Local time to the minute."""
    try:
        return f"{local(datetime.fromisoformat(started or '')):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return ""


def _lines(rows: Sequence[Row], runs_dir: Path, width: int | None = None) -> Iterator[Line]:
    """The table, and what is wrong with broken runs.

    Where it is too wide, each name gets a line of its own, for a name that is cut or folded can't
    be copied; and what matters least is left out.
    """
    table = {
        head: list(cells)
        for head, *cells in zip(_HEADS, *(_cells(row, runs_dir) for row in rows), strict=True)
        if head == "name" or any(cells)
    }
    widths = {head: max(map(columns, [head, *cells])) for head, cells in table.items()}
    stacked = width is not None and _total(widths) > width
    names = table["name"] if stacked else None
    if stacked:
        del widths["name"]
    for head in _FIRST_TO_GO:
        if width is not None and stacked and len(_GAP) + _total(widths) > width:
            widths.pop(head, None)
    if names is None:
        yield _line(widths, list(widths))
    else:
        yield [("name", "")]
        yield [(_GAP, ""), *_line(widths, list(widths))]
    for index in range(len(rows)):
        cells = [table[head][index] for head in widths]
        if names is None:
            yield _line(widths, cells)
        else:
            yield [(names[index], "bold")]
            yield [(_GAP, ""), *_line(widths, cells)]
    problems = [problem for row in rows for problem in (row.problem or "").splitlines()]
    yield from [[("", "")]] if problems else []
    yield from ([(one_line(problem), "red")] for problem in problems)


def _line(widths: Mapping[str, int], cells: Sequence[str]) -> Line:
    """One cell per column, padded to the column's width."""
    line: Line = []
    for (head, width), cell in zip(widths.items(), cells, strict=True):
        room = " " * (width - columns(cell))
        last = len(line) == len(widths) - 1
        text = cell + ("" if last else room) if head in _TEXT_COLUMNS else room + cell
        colour = _colour(cell) if head == "status" and cell != head else ""
        line.append((text if last else text + _GAP, colour))
    return line


def _colour(status: str) -> str:
    return next((style for word, style in _STYLES.items() if word in status), "red")


def _total(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + len(_GAP) * (len(widths) - 1)


def _print_in_colour(rows: Sequence[Row], runs_dir: Path) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for line in _lines(rows, runs_dir, console.width):
        # Text, so that a name like [red] is no markup; whole, so that a long one can be copied.
        console.print(Text.assemble(*line), soft_wrap=True)


def _csv(rows: Sequence[Row]) -> str:
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(Row.__dataclass_fields__)
    for row in rows:
        cells = vars(row).values()
        writer.writerow(csv_text(cell) if isinstance(cell, str) else cell for cell in cells)
    return content.getvalue()
