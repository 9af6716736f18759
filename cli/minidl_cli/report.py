"""minidl report: tables and figures of many runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from minidl.errors import RunError
from minidl.store.run_folder import is_run, is_sweep
from minidl.store.system import stat_of
from minidl_cli.document import (
    page_of,
    refuse_another_file,
    say_drawn,
    script_of_pages,
    write_document,
)
from minidl_cli.options import (
    Debug,
    Folders,
    Format,
    Output,
    PlotFormat,
    format_for,
    format_option,
    in_runs,
    runs_folder,
)
from minidl_cli.output import show_text
from minidl_cli.places import NO_PLACE, plots_of

if TYPE_CHECKING:
    from minidl.report.members.collect import Collection
    from minidl.report.tables.document import Document
    from minidl.spec import ReportTable


class Directions(StrEnum):
    principal = "principal"
    random = "random"


class Epoch(StrEnum):
    last = "last"
    best = "best"


def report(
    paths: Folders = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="KEY[,KEY]", help="Average over all but these keys, such as lr."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC[,METRIC]",
            help="Such as test_accuracy; loss and accuracy or R² if left out.",
        ),
    ] = None,
    epoch: Annotated[
        Epoch, typer.Option(help="The last epoch's metrics, or the best epoch's.")
    ] = Epoch.last,
    stats: Annotated[
        str, typer.Option(metavar="STAT[,STAT]", help="mean, std, sem, min, max, median, ci95.")
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
        typer.Option(
            metavar="METRIC",
            help="What --best-over looks at; the first metric, on val where there is one.",
        ),
    ] = None,
    sort_by: Annotated[
        str | None,
        typer.Option(metavar="NAME[,NAME]", help="Keys or metrics; the first metric."),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Only the first N rows of each table.", show_default=False
        ),
    ] = None,
    format: Annotated[Format | None, format_option(*Format)] = None,
    output: Output = None,
    plots: Annotated[
        bool | None,
        typer.Option(
            "--plots/--no-plots",
            help="Draw figures beside --output or into SWEEP|RUN/plots; a study's own by default.",
            show_default=False,
        ),
    ] = None,
    plot_format: Annotated[
        PlotFormat, typer.Option(help="How the figures are written.")
    ] = PlotFormat.png,
    table: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only this one of a study's tables.", show_default=False),
    ] = None,
    variance: Annotated[
        bool,
        typer.Option("--variance", help="Whose a metric's variance is: each key's, the seeds'."),
    ] = False,
    samples: Annotated[
        bool,
        typer.Option(
            "--samples", help="Each training sample of a group of seeds, likely wrong labels first."
        ),
    ] = False,
    landscape: Annotated[
        bool,
        typer.Option(
            "--landscape",
            help="The loss on a plane through the weights, and the runs' paths in it.",
        ),
    ] = False,
    directions: Annotated[
        Directions | None,
        typer.Option(
            help="Those of --landscape: principal ones of the paths, or random ones.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Draws random --directions.", show_default=False),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Let a page replace a FILE that minidl didn't write."),
    ] = False,
    debug: Debug = False,
) -> None:
    """Tables and figures of many runs.

    A row for the runs that differ by seed alone: n, mean ± std, how many diverged or failed. For a
    sweep with a report: block, the tables and figures that this describes. Into a pipe a row is one
    line, however many keys differ; --by chooses among them. Of one run also all metrics that fit
    its task, each class, and the confusion matrix; with --plots ROC and precision–recall curves,
    the reliability diagram or residuals, and the largest errors.

    --samples trains the runs of a group again, side by side, and asks after each epoch which
    training samples are right; --landscape does so to follow their weights.

    \b
    Examples:
      minidl report runs/spirals --by optimizer.lr
      minidl report runs/seeds --samples --top 50
      minidl report runs/spirals --landscape --directions random
      minidl report -o table.md
    """
    from minidl.report.members.collect import collect
    from minidl.report.study import (
        default_figures,
        document,
        named,
        report_of,
        search_of,
        with_quality,
    )
    from minidl.report.tables.document import topped
    from minidl.report.tables.query import query

    written_as = format_for(format, output, Format)
    chosen = list(map(in_runs, paths or [runs_folder()]))
    if not paths and stat_of(runs_folder()) is None:
        message = "no such folder: `minidl train CONFIG` makes the first run"
        raise RunError(f"{runs_folder()}: {message}")
    at_random = directions is Directions.random
    for option, given, needed in (
        ("--directions", directions, landscape or "--landscape"),
        ("--seed", seed is not None, at_random or "--directions random"),
    ):
        if given and needed is not True:
            raise RunError(f"{option} says nothing without {needed}")
    if samples or landscape:
        from minidl_cli.landscape import show_landscape
        from minidl_cli.samples import show_samples

        refused: dict[str, Any] = {"--by": by, "--metric": metric, "--best-over": best_over}
        refused |= {"--best-by": best_by, "--sort-by": sort_by, "--variance": variance}
        refused |= {
            "--table": table,
            "--top": landscape and top,
            "--landscape": samples and landscape,
        }
        _refuse("--samples" if samples else "--landscape", refused)
        chosen_by = query(None, None, "last", "mean", where).where
        if landscape:
            drawn_by = (seed or 0) if at_random else None
            show_landscape(
                chosen, chosen_by, written_as, output, plots, plot_format.value, drawn_by
            )
        else:
            show_samples(chosen, chosen_by, written_as, output, plots, plot_format.value, top)
        return
    if variance:
        from minidl_cli.variance import show_variance

        refused = {"--best-over": best_over, "--sort-by": sort_by, "--table": table, "--top": top}
        _refuse("--variance", refused)
        asked = query(by, metric, epoch.value, stats, where)
        show_variance(chosen, asked, written_as, output, plots, plot_format.value)
        return
    own = any(x for x in (by, metric, where, best_over, best_by, sort_by))
    own = own or epoch is not Epoch.last or stats != "mean,std"
    study, search = (None, None) if _is_damaged(chosen) else (report_of(chosen), search_of(chosen))
    if study and study.tables and not own:
        tables = _only(named(study.tables), table)
    elif search and not own:
        tables = []
    else:
        tables = [query(by, metric, epoch.value, stats, where, best_over, best_by, sort_by)]
    collection = collect(chosen)
    collection = replace(collection, notes=[*collection.notes, *_unbegun(collection)])
    is_page = written_as is Format.html
    if is_page and output is not None and not overwrite:
        refuse_another_file(output)
    script = script_of_pages() if is_page else None
    # What the browser draws needs no figures, but for a search's trials in their order.
    drawn = is_page and (script is None or bool(search and not own))
    wanted = plots if plots is not None else bool(study and study.figures) or drawn
    figures: Any = ()
    if wanted:
        figures = (study and study.figures) or default_figures(collection.members, search)
    # A page holds its figures: it needs no files beside it unless they are asked for.
    files = wanted and not (is_page and plots is None)
    folder = _plots_folder(chosen, output) if files else None
    made = document(
        chosen[0].resolve().name if len(chosen) == 1 else "Report",
        collection,
        tables,
        figures,
        report=study,
        search=None if own or table else search,
        folder=folder,
        plot_format=plot_format.value,
    )
    if len(chosen) == 1 and is_run(chosen[0]) and not own:
        made = _with_singles(made, collection)
        if wanted:
            made = with_quality(made, collection, folder, plot_format.value)
    made = topped(made, top) if top else made
    if script is not None:
        page = page_of(
            made, collection, tables, script, replaced=bool(tables) and not (study or own or top)
        )
        show_text(lambda width, bold: page, output)
        say_drawn(made)
        return
    write_document(made, written_as, output)


def _refuse(beside: str, options: Mapping[str, Any]) -> None:
    if unfit := [option for option, given in options.items() if given]:
        raise RunError(f"{unfit[0]} says nothing beside {beside}")


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


def _with_singles(made: Document, collection: Collection) -> Document:
    """With what there is to say of a run alone; where that can't be read, a note says why."""
    from minidl.report.tables.single import singles

    try:
        return replace(made, singles=[one for m in collection.members for one in singles(m)])
    except RunError as error:
        return replace(made, notes=[*made.notes, str(error)])


def _only(tables: Sequence[ReportTable], name: str | None) -> list[ReportTable]:
    """All tables of a study, or the one of that name."""
    known = {table.name or "": table for table in tables}
    if name is None:
        return list(tables)
    if name not in known:
        raise RunError(f"the study has no table {name!r}; its tables are {', '.join(known)}")
    return [known[name]]


def _plots_folder(paths: Sequence[Path], output: Path | None) -> Path:
    folder = output.parent if output is not None else plots_of(paths)
    if folder is None:
        raise RunError(NO_PLACE)
    return folder
