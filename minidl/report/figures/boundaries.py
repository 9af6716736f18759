"""Decision boundaries of single runs in a grid over one or two keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minidl.errors import RunError
from minidl.report.figures import legends, plane, regions, style
from minidl.report.figures.lines import listed
from minidl.report.figures.overlay import single_runs
from minidl.report.figures.picture import panels, where_words
from minidl.report.members.collect import Member
from minidl.report.members.decision import class_of
from minidl.report.members.groups import group_by, values_of
from minidl.report.members.run_view import RunView
from minidl.report.members.settings import heads, labels, show
from minidl.report.tables.table import check_keys, select
from minidl.spec.report import BoundariesFigure

_MOST = 10  # columns, and rows
_ACROSS = 4  # columns where there is one key alone

Kind = tuple[str, ...]  # the values of the keys


@dataclass(frozen=True)
class _Chosen:
    """The run of each kind; what its folder holds, if that can be read."""

    runs: Mapping[Kind, Member]
    views: Mapping[Kind, RunView | None]
    across: Sequence[Any]
    down: Sequence[Any]


def boundaries(
    members: Sequence[Member], asked: BoundariesFigure, notes: list[str]
) -> Figure | None:
    """A panel per run: its regions, and the test points that it gets wrong."""
    chosen = _choose(members, asked, notes)
    places = _arrange(chosen)
    if not any(view and "grid_output" in view.predictions for view in chosen.views.values()):
        return None
    figure, axes = _empty(chosen, places, asked)
    said = {
        show(value): label
        for values in (chosen.across, chosen.down)
        for value, label in zip(values, labels(values), strict=True)
    }
    for row, (kinds, panels_of_row) in enumerate(zip(places, axes, strict=True)):
        for column, panel in enumerate(panels_of_row):
            if column >= len(kinds):
                panel.set_axis_off()
                continue
            kind = kinds[column]
            _draw(panel, chosen.views.get(kind), chosen.runs.get(kind))
            _names(panel, asked, [said[value] for value in kind], row, column)
    _legend(axes[0][len(places[0]) - 1], chosen)
    return figure


def _choose(members: Sequence[Member], asked: BoundariesFigure, notes: list[str]) -> _Chosen:
    """One run for each pair of values. Raises RunError where none has the keys."""
    fitting = select(members, asked.where)
    keys = [key for key in (asked.x, asked.y) if key]
    check_keys(fitting, keys)
    singles = single_runs(group_by(fitting, keys), asked.seed, notes)
    groups = [group for group, _ in singles]
    runs = {tuple(show(group.settings.get(key)) for key in keys): run for group, run in singles}
    views = {kind: _view(run, notes) for kind, run in runs.items()}
    down = values_of(groups, asked.y) if asked.y else []
    return _Chosen(runs, views, values_of(groups, asked.x), down)


def _view(run: Member, notes: list[str]) -> RunView | None:
    try:
        return RunView.read(run.folder)
    except RunError as error:
        notes.append(f"left out of the boundaries: {error}")
        return None


def _arrange(chosen: _Chosen) -> list[list[Kind]]:
    """The kinds in rows: a column per value of x and a row per value of y, or x alone in rows."""
    across = [show(value) for value in chosen.across]
    if chosen.down:
        return [[(x, show(y)) for x in across[:_MOST]] for y in chosen.down[:_MOST]]
    flat: list[Kind] = [(x,) for x in across[: _MOST * _ACROSS]]
    return [flat[i : i + _ACROSS] for i in range(0, len(flat), _ACROSS)]


def _empty(
    chosen: _Chosen, places: Sequence[Sequence[Kind]], asked: BoundariesFigure
) -> tuple[Figure, list[list[Axes]]]:
    """The figure with its words, and axes for all places."""
    keys = heads([key for key in (asked.x, asked.y) if key])
    seeds = sorted({str(run.settings.get("seed")) for run in chosen.runs.values()})
    below = [f"single runs, seed {', '.join(seeds[:5])}", *where_words(asked.where)]
    hidden = len(chosen.runs) - len(chosen.runs.keys() & {kind for row in places for kind in row})
    below += [f"{hidden} more are not shown"] if hidden else []
    title = asked.title or listed([f"decision boundaries by {keys[0]}", *keys[1:]])
    size = (1.9, 1.95) if len(places[0]) > 2 else (2.6, 2.65)
    return panels(title, below, len(places), len(places[0]), size, 0.3)


def _names(axes: Axes, asked: BoundariesFigure, kind: Sequence[str], row: int, column: int) -> None:
    """The value of x above the first row (or each panel), that of y beside the first column."""
    if row == 0 or not asked.y:
        said = f"{heads([asked.x])[0]} {kind[0]}" if column == 0 and row == 0 else kind[0]
        axes.set_title(style.wrapped(said, 22, 2), size=9, color=style.INK)
    if asked.y and column == 0:
        said = f"{heads([asked.y])[0]} {kind[1]}" if row == 0 else kind[1]
        axes.set_ylabel(style.wrapped(said, 22), size=9, color=style.INK)


def _draw(axes: Axes, view: RunView | None, run: Member | None) -> None:
    """A run's regions, its boundary, the test points on the wrong side, and its accuracy."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(True)
    axes.set_box_aspect(1)
    grid: Any = view.predictions.get("grid_output") if view else None
    shown = grid is not None and grid.ndim == 3 and np.isfinite(grid).all()
    if view is None or not shown or not view.classification:
        said = "–" if run is None else run.status if not run.finished else "no plane"
        axes.text(
            0.5, 0.5, said, ha="center", va="center", transform=axes.transAxes,
            size=9, color=style.QUIET,
        )  # fmt: skip
        return
    regions.draw(axes, view)
    inputs, target, output = view.part("test")
    wrong = class_of(output, view.decision) != target
    axes.scatter(inputs[wrong, 0], inputs[wrong, 1], s=5, color=style.INK, linewidths=0, zorder=4)
    left, right, bottom, top = regions.extent(view)
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.set_xlabel(style.percent(1 - float(wrong.mean())), size=8, color=style.QUIET, labelpad=2)


def _legend(axes: Axes, chosen: _Chosen) -> None:
    """Which colour is which class, where all runs have the same; and what the dots are."""
    known = [view for view in chosen.views.values() if view and view.classification]
    handles, said = [plane.key(style.INK, "o", 2.5)], ["wrong on test"]
    if len({view.class_names for view in known}) == 1:
        tints = [style.tint(style.class_colour(index)) for index in range(known[0].classes)]
        handles = [*(plane.key(tint, "s", 8) for tint in tints), *handles]
        said = [*plane.class_words(known[0]), *said]
    legends.beside(axes, handles, said, 1, handletextpad=0.4)
