"""minidl report: tables and figures of many runs."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from minidl.errors import RunError
from minidl.store.files import stat_of, write_atomic
from minidl.store.folders import refuse_link
from minidl.store.run_folder import is_sweep
from minidl_cli.options import RUNS, Debug, Format, Output, format_for, format_option, in_runs

if TYPE_CHECKING:
    from minidl.report.members.collect import Collection
    from minidl.report.tables.document import Document
    from minidl.spec import ReportTable


class Epoch(StrEnum):
    last = "last"
    best = "best"


def report(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FOLDER",
            help="Runs, sweeps, or folders of these; runs if left out.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="KEY[,KEY]", help="Average over all but these keys, such as lr."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC[,METRIC]", help="Such as test_accuracy; test loss and accuracy or R²."
        ),
    ] = None,
    epoch: Annotated[
        Epoch, typer.Option(help="The last epoch's metrics, or the best epoch's.")
    ] = Epoch.last,
    stats: Annotated[
        str, typer.Option(metavar="STAT[,STAT]", help="mean, std, min, max, median, ci95.")
    ] = "mean,std",
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Only runs with this value; can be repeated."),
    ] = None,
    best_over: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Keep the value of this key with the best mean."),
    ] = None,
    best_by: Annotated[
        str | None,
        typer.Option(metavar="METRIC", help="What --best-over looks at; the first metric."),
    ] = None,
    sort_by: Annotated[
        str | None,
        typer.Option(metavar="NAME[,NAME]", help="Keys or metrics; the first metric."),
    ] = None,
    format: Annotated[Format | None, format_option(*Format)] = None,
    output: Output = None,
    plots: Annotated[
        bool | None,
        typer.Option(
            "--plots/--no-plots",
            help="Draw figures beside --output or into SWEEP/plots; a study's own by default.",
            show_default=False,
        ),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only this one of a study's tables.", show_default=False),
    ] = None,
    debug: Debug = False,
) -> None:
    """Tables and figures of many runs.

    A row for the runs that differ by seed alone: n, mean ± std, how many diverged or failed. For a
    sweep with a report: block, the tables and figures that this describes. Into a pipe a row is one
    line, however many keys differ; --by chooses among them.

    \b
    Examples:
      minidl report runs/spirals --by optimizer.lr
      minidl report -o table.md
    """
    from minidl.report.members.collect import collect
    from minidl.report.study import default_figures, document, named, report_of
    from minidl.report.tables.query import query

    written_as = format_for(format, output, Format)
    chosen = list(map(in_runs, paths or [RUNS]))
    if not paths and stat_of(RUNS) is None:
        raise RunError("runs: no such folder: `minidl train CONFIG` makes the first run")
    own = any(x for x in (by, metric, where, best_over, best_by, sort_by))
    own = own or epoch is not Epoch.last or stats != "mean,std"
    study = None if _is_damaged(chosen) else report_of(chosen)
    if study and study.tables and not own:
        tables = _only(named(study.tables), table)
    else:
        tables = [query(by, metric, epoch.value, stats, where, best_over, best_by, sort_by)]
    collection = collect(chosen)
    collection = replace(collection, notes=[*collection.notes, *_unbegun(collection)])
    is_page = written_as is Format.html
    wanted = plots if plots is not None else bool(study and study.figures) or is_page
    figures: Any = ()
    if wanted:
        figures = (study and study.figures) or default_figures(collection.members)
    # A page holds its figures: it needs no files beside it unless they are asked for.
    files = wanted and not (is_page and plots is None)
    made = document(
        chosen[0].resolve().name if len(chosen) == 1 else "Report",
        collection,
        tables,
        figures,
        report=study,
        folder=_plots_folder(chosen, output) if files else None,
    )
    _write(made, written_as, output)


def _is_damaged(chosen: Sequence[Path]) -> bool:
    """Whether nobody knows how a study is to be reported on; a note says so."""
    from minidl.sweep.folder import SweepFolder

    return len(chosen) == 1 and is_sweep(chosen[0]) and bool(SweepFolder(chosen[0]).damage)


def _unbegun(collection: Collection) -> Iterator[str]:
    """What the tables can't count: members of a sweep that was stopped before they began."""
    from minidl.sweep.folder import SweepFolder

    for folder in dict.fromkeys(member.folder.path.parent for member in collection.members):
        if is_sweep(folder) and (note := SweepFolder(folder).unbegun_note()):
            yield note


def _write(made: Document, format: Format, output: Path | None) -> None:
    """The document as text, and on stderr what the text doesn't say."""
    from minidl.report.tables.escape import line

    show_text(lambda width, bold: _text(made, format, width, bold), output)
    for drawn in made.figures:
        if drawn.path:
            print(f"drew {line(drawn.path)}", file=sys.stderr)
    if format is Format.csv:
        for remark in made.remarks:
            print(line(remark), file=sys.stderr)


def show_text(text: Callable[[int | None, bool], str], output: Path | None) -> None:
    """Writes `text(width, bold)` into a file, or to stdout: as wide and bold as the terminal is."""
    from minidl.report.tables.escape import line

    if output is not None:
        write_atomic(output, text(None, False).encode())
        print(f"wrote {line(output)}", file=sys.stderr)
        return
    width, bold = None, False
    if sys.stdout.isatty():
        from rich.console import Console

        console = Console()
        width, bold = console.width, console.color_system is not None and not console.no_color
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ± or →
    print(text(width, bold), end="")


def _text(made: Document, format: Format, width: int | None, bold: bool) -> str:
    from minidl.report.tables import formats

    if format is Format.html:
        from minidl.report.html.page import as_html

        return as_html(made)
    if format is Format.csv:
        if len(made.tables) > 1:
            names = ", ".join(table.name for table in made.tables)
            raise RunError(f"a CSV file holds one table: choose --table NAME among {names}")
        return formats.as_csv(made.tables[0])
    if format is Format.table:
        return formats.as_table(made, width, bold=bold)
    renderers = {
        Format.md: formats.as_markdown,
        Format.latex: formats.as_latex,
        Format.json: formats.as_json,
    }
    return renderers[format](made)


def _only(tables: Sequence[ReportTable], name: str | None) -> list[ReportTable]:
    """All tables of a study, or the one of that name."""
    known = {table.name or "": table for table in tables}
    if name is None:
        return list(tables)
    if name not in known:
        raise RunError(f"the study has no table {name!r}; its tables are {', '.join(known)}")
    return [known[name]]


def _plots_folder(paths: list[Path], output: Path | None) -> Path:
    if output is not None:
        return output.parent
    if len(paths) == 1 and is_sweep(paths[0]):
        refuse_link(paths[0] / "plots")
        return paths[0] / "plots"
    raise RunError("--plots needs --output FILE, beside which the figures are put, or one sweep")
