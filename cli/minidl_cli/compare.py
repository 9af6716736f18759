"""minidl compare: what differs between runs."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from minidl_cli.report import Epoch, show_text


class Format(StrEnum):
    table = "table"
    md = "md"
    csv = "csv"
    json = "json"


def compare(
    paths: Annotated[
        list[Path], typer.Argument(metavar="A B …", help="Run folders, or folders of runs.")
    ],
    epoch: Annotated[
        Epoch, typer.Option(help="The last epoch's metrics, or the best epoch's.")
    ] = Epoch.last,
    format: Annotated[Format, typer.Option(help="How it is written.")] = Format.table,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Where the text is written, and the figure beside it; stdout."
        ),
    ] = None,
    plot: Annotated[bool, typer.Option(help="Draw the curves over each other.")] = True,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Show which settings and metrics of two or more runs differ, and draw their curves."""
    from dataclasses import replace

    from minidl.report import compare_formats as formats
    from minidl.report.compare import compare as compared
    from minidl.report.compare import draw

    made = compared(paths, epoch.value)
    drawn = None
    if plot:
        from minidl.files import write_atomic
        from minidl.report.escape import line

        notes = list(made.notes)
        figure = draw(made, notes)
        made = replace(made, notes=notes)
        if figure is not None:
            from minidl.report import style

            drawn = output.with_suffix(".png") if output else Path("comparison.png")
            write_atomic(drawn, style.to_png(figure))
            if format is not Format.table or output:
                print(f"drew {line(drawn)}", file=sys.stderr)

    def text(width: int | None, bold: bool) -> str:
        if format is Format.json:
            return formats.as_json(made, drawn)
        if format is Format.csv:
            return formats.as_csv(made)
        if format is Format.md:
            return formats.as_markdown(made)
        curves = f"curves: {drawn}" if drawn and not output else None
        return formats.as_table(made, width, bold=bold, last=curves)

    show_text(text, output)
