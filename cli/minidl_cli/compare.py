"""minidl compare: what differs between runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from minidl.errors import RunError
from minidl_cli.options import Debug, Format, format_for, format_option, in_runs
from minidl_cli.output import show_text
from minidl_cli.report import Epoch

if TYPE_CHECKING:
    from minidl.report.members.collect import Member


class Per(StrEnum):
    epochs = "epochs"
    samples = "samples"
    flops = "flops"
    seconds = "seconds"


_FORMATS = (Format.table, Format.md, Format.csv, Format.json)


def compare(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER", help="Runs, or folders of runs; or a single sweep."),
    ],
    epoch: Annotated[
        Epoch, typer.Option(help="The last epoch's metrics, or the best epoch's.")
    ] = Epoch.last,
    per: Annotated[
        Per | None,
        typer.Option(
            help="Compare at equal cost, which curves are drawn over.", show_default=False
        ),
    ] = None,
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
        typer.Option(
            metavar="FILE",
            help="The figure, as PNG, SVG or PDF; comparison-A-B.png beside A if left out.",
        ),
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
    if plot is not None:
        from minidl.report.figures.endings import format_of

        format_of(plot)  # before the work
    paths = list(map(in_runs, paths))
    if per and epoch is Epoch.best:
        raise RunError("--per compares runs as they stood at a cost: leave out --epoch best")
    made = compared(paths, epoch.value, per.value if per else None, _price_of(per))
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
            from minidl.report.figures.endings import format_of

            drawn = place
            if plot is None:  # nobody has named this file
                if output is None:
                    folders.refuse_link(drawn.parent)
                folders.make(drawn.parent)
                folders.refuse_link(drawn)
            write_atomic(drawn, style.to_bytes(figure, format_of(drawn)))
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


def _price_of(per: Per | None) -> Callable[[Member], float]:
    """What an epoch of a run takes: samples, or operations forward and backward.

    Runs that differ by seed alone are built once.
    """
    known: dict[Any, float] = {}

    def price(member: Member) -> float:
        if member.experiment not in known:
            known[member.experiment] = _price(member, per)
        return known[member.experiment]

    return price


def _price(member: Member, per: Per | None) -> float:
    from minidl.build import outline
    from minidl.explain.network import layer_rows, multiply_adds_of, samples_of_an_epoch
    from minidl.spec import load_spec

    data, experiment = outline(load_spec(member.folder.config_path))
    samples = samples_of_an_epoch(experiment)
    if per is not Per.flops:
        return samples
    terms = multiply_adds_of(layer_rows(experiment, data.input_shape))
    if terms is None:
        folder = member.folder.path
        raise RunError(f"{folder}: its operations can't be counted: choose --per samples")
    return 2.0 * terms * samples


def _near(path: Path) -> Path:
    """The path from here, where it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
