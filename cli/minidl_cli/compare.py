"""minidl compare: what differs between runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from minidl_cli.options import Debug, Format, format_for, format_option, in_runs
from minidl_cli.report import Epoch, show_text

_FORMATS = (Format.table, Format.md, Format.csv, Format.json)


def compare(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER", help="Runs, or folders of runs; or a single sweep."),
    ],
    epoch: Annotated[
        Epoch, typer.Option(help="The last epoch's metrics, or the best epoch's.")
    ] = Epoch.last,
    format: Annotated[Format | None, format_option(*_FORMATS)] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where the text is written, and the figure beside it; stdout if left out.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The figure; comparison-A-B.png beside A if left out."),
    ] = None,
    no_plot: Annotated[bool, typer.Option("--no-plot", help="Draw no figure.")] = False,
    debug: Debug = False,
) -> None:
    """Show how runs differ.

    Settings and metrics that differ, a column per run; the curves are drawn over each other. A
    folder counts as one, with means; a single sweep is taken apart, a column for the runs that
    differ by seed alone, the 12 best if there are more.

    \b
    Examples:
      minidl compare runs/wider runs/deeper
      minidl compare runs/spirals
    """
    from dataclasses import replace

    from minidl.report.tables import compare_formats as formats
    from minidl.report.tables.compare import compare as compared
    from minidl.report.tables.compare import plot_path

    written_as = format_for(format, output, _FORMATS)
    paths = list(map(in_runs, paths))
    made = compared(paths, epoch.value)
    drawn = None
    place = plot or (output.with_suffix(".png") if output else plot_path(paths))
    if place is None and not no_plot:
        print("the runs lie in unlike folders: --plot FILE draws their curves", file=sys.stderr)
    if place is not None and not no_plot:
        from minidl.report.figures.comparison import draw
        from minidl.report.tables.escape import line
        from minidl.store import folders
        from minidl.store.files import write_atomic

        notes = list(made.notes)
        figure = draw(made, notes)
        made = replace(made, notes=notes)
        if figure is not None:
            from minidl.report.figures import style

            drawn = place
            if plot is None:  # nobody has named this file
                if output is None:
                    folders.refuse_link(drawn.parent)
                folders.make(drawn.parent)
                folders.refuse_link(drawn)
            write_atomic(drawn, style.to_png(figure))
            print(f"drew {line(_near(drawn))}", file=sys.stderr)

    def text(width: int | None, bold: bool) -> str:
        if written_as is Format.json:
            return formats.as_json(made, drawn)
        if written_as is Format.csv:
            return formats.as_csv(made)
        if written_as is Format.md:
            return formats.as_markdown(made)
        return formats.as_table(made, width, bold=bold)

    show_text(text, output)


def _near(path: Path) -> Path:
    """The path from here, where it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
