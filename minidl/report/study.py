"""Run and sweep folders, and what a report shall say → the document."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidl.errors import ConfigError, Problem, RunError, WriteError
from minidl.report.members.collect import Collection, Member
from minidl.report.members.groups import goodness, group_by, pooled_keys, values_of
from minidl.report.members.importance import LEAST
from minidl.report.members.selection import on_validation
from minidl.report.members.settings import Value, heads, varying
from minidl.report.tables.document import Document, Drawn
from minidl.report.tables.table import default_score, make_table
from minidl.report.tables.trials import budget_note, ended_values, search_metric, trials_table
from minidl.spec.report import (
    ActivationsFigure,
    AnyFigure,
    BoundariesFigure,
    CurvesFigure,
    ErrorBarsFigure,
    HeatMapFigure,
    ImportanceFigure,
    OverlayFigure,
    Report,
    ReportTable,
    SearchFigure,
)
from minidl.spec.search import AnySearch
from minidl.spec.study import load_report, load_search
from minidl.store import files, folders
from minidl.store.run_folder import SWEEP, is_sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def report_of(paths: Sequence[Path]) -> Report | None:
    """The `report:` block of the one sweep folder that is reported on; None for anything else."""
    if len(paths) != 1 or not is_sweep(paths[0]):
        return None
    return load_report(paths[0] / SWEEP)


def search_of(paths: Sequence[Path]) -> AnySearch | None:
    """How the one sweep folder that is reported on searched; None where it didn't."""
    if len(paths) != 1 or not is_sweep(paths[0]):
        return None
    return load_search(paths[0] / SWEEP)


def document(
    title: str,
    collection: Collection,
    tables: Sequence[ReportTable],
    figures: Sequence[AnyFigure] = (),
    *,
    report: Report | None = None,
    search: AnySearch | None = None,
    folder: Path | None = None,
    plot_format: str = "png",
) -> Document:
    """All tables and figures; the figures are written into `folder`, where there is one.

    Of a `search` the table of its trials comes first.
    Raises RunError where no run has what is asked for; ConfigError, with the place, where that
    stands in `report`. A figure for which no run has data is left out, and noted.
    """
    members = collection.members
    made = [trials_table(members, search)] if search and members else []
    for index, query in enumerate(named(tables)):
        with _Blame(report, f"report.tables[{index}]"):
            made.append(make_table(members, query))
    notes = [*collection.notes, *([budget_note(members)] if search and members else [])]
    drawn: list[Drawn] = []
    for index, (asked, name) in enumerate(zip(figures, _names(figures), strict=True)):
        with _Blame(report, f"report.figures[{index}]"):
            figure = draw(members, asked, notes)
        if figure is None:
            notes.append(f"the figure {name} was left out: no run has what it shows")
            continue
        title = asked.title or name.replace("_", " ")
        drawn.append(_kept(name, title, figure, folder, plot_format))
    return Document(title, made, drawn, collection.broken, notes)


def with_quality(
    made: Document, collection: Collection, folder: Path | None, plot_format: str
) -> Document:
    """With the figures about a run's predictions, written into `folder` where there is one.

    Where the predictions are damaged there are none: the tables about the run have a note of it.
    """
    from minidl.report.figures.plots import draw_quality

    try:
        drawn = [one for member in collection.members for one in draw_quality(member.folder)]
    except RunError:
        return made
    kept = [_kept(name, name.replace("_", " "), f, folder, plot_format) for name, f in drawn]
    return replace(made, figures=[*made.figures, *kept])


def named(tables: Sequence[ReportTable]) -> list[ReportTable]:
    """Each with a name: table_2 is the second if it has none of its own."""
    names = [
        table.name or ("table" if len(tables) == 1 else f"table_{index}")
        for index, table in enumerate(tables, 1)
    ]
    return [t.model_copy(update={"name": n}) for t, n in zip(tables, names, strict=True)]


def draw(members: Sequence[Member], asked: AnyFigure, notes: list[str]) -> Figure | None:
    """One figure; None where no run has what it shows."""
    from minidl.report.figures.activations import activations
    from minidl.report.figures.boundaries import boundaries
    from minidl.report.figures.error_bars import error_bars
    from minidl.report.figures.heat_map import heat_map
    from minidl.report.figures.importance import draw_importance
    from minidl.report.figures.overlay import overlay
    from minidl.report.figures.search import search
    from minidl.report.figures.study_curves import curves

    match asked:
        case CurvesFigure():
            return curves(members, asked, notes)
        case OverlayFigure():
            return overlay(members, asked, notes)
        case ErrorBarsFigure():
            return error_bars(members, asked)
        case HeatMapFigure():
            return heat_map(members, asked)
        case BoundariesFigure():
            return boundaries(members, asked, notes)
        case SearchFigure():
            return search(members, asked)
        case ImportanceFigure():
            return draw_importance(members, asked)
        case ActivationsFigure():
            return activations(asked)


def default_figures(members: Sequence[Member], search: AnySearch | None = None) -> list[AnyFigure]:
    """What suits runs for which nobody chose: curves over the first key, a map over two.

    Of a search its trials in their order, as time passed and, of enough, what each key matters.
    """
    if not members:
        return []
    if search:
        looked_at: Any = search_metric(search, members)
        _, values = ended_values(members, looked_at)
        many = sum(map(math.isfinite, values)) >= LEAST
        importances = [ImportanceFigure(metric=looked_at)] if many else []
        timed = SearchFigure(name="search_over_seconds", metric=looked_at, over="seconds")
        return [SearchFigure(metric=looked_at), timed, *importances]
    keys = varying([member.settings for member in members])
    metric: Any = default_score(members)
    loss: Any = on_validation("test_loss", members)
    # Built without checks: a run's config may hold keys that no config has today.
    made: list[AnyFigure] = []
    for key in keys[:3] or ["seed"]:
        panels, where = _apart(members, [key], metric)
        made.append(
            CurvesFigure.model_construct(
                name=f"curves_by_{_file_name(key)}",
                lines=key,
                metrics=(loss,),
                panels=panels,
                where=where,
            )
        )
    if len(keys) > 1:
        panels, where = _apart(members, keys[:2], metric)
        made.append(
            HeatMapFigure.model_construct(
                metric=metric, x=keys[0], y=keys[1], panels=panels, where=where
            )
        )
    elif keys:
        made.append(ErrorBarsFigure.model_construct(metric=metric, x=keys[0]))
    return made


def _apart(
    members: Sequence[Member], keys: list[str], metric: str
) -> tuple[str | None, dict[str, Value]]:
    """What keeps unlike runs out of one mean, beside `keys`: a key for panels, values for others.

    The values are those of the best runs.
    """
    others = pooled_keys(group_by(members, keys))
    if not others:
        return None, {}
    panels = min(others, key=lambda key: len(values_of(group_by(members, [key]), key)))
    best = min(
        group_by(members, None), key=lambda group: goodness(group.statistics(metric).mean, metric)
    ).settings
    others = pooled_keys(group_by(members, [*keys, panels]))
    return panels, {key: best[key] for key in others if key in best}


class _Blame:
    """Turns a RunError about a part of a `report:` block into a ConfigError with its place."""

    def __init__(self, report: Report | None, key: str) -> None:
        self.report, self.key = report, key

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        damaged = isinstance(error, WriteError)
        if self.report is not None and isinstance(error, RunError) and not damaged:
            problem: Problem = self.report.problem(self.key, str(error))
            raise ConfigError([problem]) from error


def _names(figures: Sequence[AnyFigure]) -> list[str]:
    """Each figure's file name: its own, or its type with a number where that is taken."""
    taken = {figure.name for figure in figures if figure.name}
    names = []
    for figure in figures:
        name, number = figure.name or figure.type, 1
        while figure.name is None and name in taken:
            number += 1
            name = f"{figure.type}_{number}"
        taken.add(name)
        names.append(name)
    return names


def _kept(name: str, title: str, figure: Figure, folder: Path | None, plot_format: str) -> Drawn:
    from minidl.report.figures import style

    png = style.to_png(figure)
    path = None
    if folder is not None:
        folders.make(folder)
        path = folder / f"{name}.{plot_format}"
        folders.refuse_link(path)
        content = png if plot_format == "png" else style.to_bytes(figure, plot_format)
        files.write_atomic(path, content)
    return Drawn(name, title, png, path)


def _file_name(key: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in heads([key])[0])[:40] or "key"
