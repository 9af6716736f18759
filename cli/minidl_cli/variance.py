"""minidl report --variance: whose a metric's variance is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from minidl.errors import RunError
from minidl_cli.options import TABLE_FORMATS, Format
from minidl_cli.output import show_text
from minidl_cli.places import place_for, refuse_same, write_figure

if TYPE_CHECKING:
    from minidl.spec import ReportTable


def show_variance(
    paths: Sequence[Path],
    asked: ReportTable,
    written_as: Format,
    output: Path | None,
    plots: bool | None,
    plot_format: str = "png",
) -> None:
    """The table and its figure, of the runs and keys that are asked for."""
    from minidl.report.members.collect import collect
    from minidl.report.members.shares import variance_shares
    from minidl.report.tables.shares import notes_of, sheet_of
    from minidl.report.tables.sheet import as_text
    from minidl.report.tables.table import default_score, select, whole_keys

    if written_as not in TABLE_FORMATS:
        raise RunError("--variance is no page: choose another --format than html")
    refuse_same(output, plots, f"variance.{plot_format}")
    if len(asked.metrics or ()) > 1:
        raise RunError("--variance takes one --metric")
    collection = collect(paths)
    chosen = select(collection.members, asked.where)
    by = whole_keys(chosen, asked.by) if asked.by else None
    (metric,) = asked.metrics or (default_score(chosen),)
    found = variance_shares(chosen, metric, by, asked.epoch)
    damaged = [broken.note for broken in collection.broken]
    notes = [*notes_of(found), *collection.notes, *damaged]
    show_text(
        lambda width, bold: as_text([sheet_of(found)], notes, written_as, width, bold=bold), output
    )
    if place := place_for(paths, output, plots, f"variance.{plot_format}"):
        from minidl.report.figures.shares import draw_shares

        write_figure(draw_shares(found), place)
