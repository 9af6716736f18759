"""minidl list: the runs in a folder, newest first."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from minidl.store import system
from minidl.store.find import find_runs
from minidl_cli.list_query import (
    asks_for_settings,
    condition,
    full_names,
    matches,
    ordered,
    split_names,
)
from minidl_cli.list_table import as_csv, print_in_colour, table_lines
from minidl_cli.listed import FIELDS, broken_row, folded, reader
from minidl_cli.options import RUNS, Debug, Format, format_option, runs_folder, runs_option
from minidl_cli.output import harmless, show, show_json

_FORMATS = (Format.table, Format.csv, Format.json)


def list_runs(
    runs_dir: Annotated[
        Path,
        runs_option("The folder whose runs are listed, those of sweeps included."),
    ] = RUNS,
    members: Annotated[
        bool, typer.Option("--members", help="A line for each run of a sweep, too.")
    ] = False,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Only runs with this value, such as status=failed, tag=paper or optimizer.lr=0.1; "
            "can be repeated.",
            show_default=False,
        ),
    ] = None,
    sort_by: Annotated[
        str | None,
        typer.Option(
            metavar="KEY[,KEY]",
            help="Metrics with the best first, others from small to large; -KEY turns that around.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Only the first N.", show_default=False),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="KEY[,KEY]",
            help="Such as name,lr,val_accuracy,tags: what a row has, metrics and settings.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[Format | None, format_option(*_FORMATS)] = None,
    debug: Debug = False,
) -> None:
    """List the runs, newest first.

    A name is a folder in --runs-dir. A sweep is one line; with --members, and where runs are chosen
    or sorted, or columns or a format asked for, each run has its own: SWEEP/MEMBER.

    \b
    Examples:
      minidl list --where status=failed
      minidl list --columns name,lr,test_loss \\
        --sort-by test_loss --limit 10
      minidl list --format csv > runs.csv
    """
    conditions = [condition(text) for text in where or ()]
    keys, order = split_names(columns), split_names(sort_by)
    named = [*keys, *order, *(name for name, _ in conditions)]
    # Before the first training there is no folder, which is nobody's mistake.
    known = system.stat_of(runs_dir) is not None or runs_dir not in (RUNS, runs_folder())
    read = reader(settings=asks_for_settings(named))
    rows = find_runs([runs_dir], read, broken_row) if known else []
    keys, order = full_names(keys, rows), full_names(order, rows)
    for name, text in conditions:
        (whole,) = full_names([name], rows)
        rows = [row for row in rows if matches(row, whole, text)]
    as_lines = format in (None, Format.table)
    if as_lines and not members and not named:
        rows = folded(rows, runs_dir)
    found = len(rows)
    rows = ordered(rows, order)[:limit]
    if format is Format.json:
        show_json([{key: row.get(key) for key in keys or FIELDS} for row in rows])
    elif format is Format.csv:
        show(as_csv(rows, keys).removesuffix("\n"))
    elif not rows:
        nothing = f"no runs in {runs_dir} yet: `minidl train CONFIG` makes one"
        nothing = f"no run in {runs_dir} has {' and '.join(where)}" if where else nothing
        print(harmless(nothing), file=sys.stderr)
    elif sys.stdout.isatty():
        print_in_colour(rows, runs_dir, keys)
    else:
        lines = table_lines(rows, runs_dir, keys=keys)
        print("\n".join("".join(text for text, _ in line) for line in lines))
    if len(rows) < found:
        print(f"{len(rows):,} of {found:,} are shown", file=sys.stderr)
