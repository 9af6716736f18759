"""Decision boundaries of single runs in a grid over one or two keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minidl.errors import RunError
from minidl.report import plane, style
from minidl.report.collect import Member
from minidl.report.decision import class_of
from minidl.report.groups import group_by, values_of
from minidl.report.lines import listed
from minidl.report.overlay import single_runs
from minidl.report.picture import panels, where_words
from minidl.report.run_view import RunView
from minidl.report.settings import heads, labels, show
from minidl.report.table import check_keys, select
from minidl.spec.report import BoundariesFigure

_MOST = 10  # columns, and rows
_ACROSS = 4  # columns where there is one key alone


def boundaries(
    members: Sequence[Member], asked: BoundariesFigure, notes: list[str]
) -> Figure | None:
    """A panel per run: its regions, and the test points that it gets wrong."""
    chosen = select(members, asked.where)
    keys = [key for key in (asked.x, asked.y) if key]
    check_keys(chosen, keys)
    runs = single_runs(group_by(chosen, keys), asked.seed, notes)
    groups = [group for group, _ in runs]
    found = {tuple(show(g.settings.get(key)) for key in keys): run for g, run in runs}
    across = values_of(groups, asked.x)
    places: list[list[tuple[str, ...]]]
    if asked.y:
        down = values_of(groups, asked.y)[:_MOST]
        places = [[(show(x), show(y)) for x in across[:_MOST]] for y in down]
    else:
        flat: list[tuple[str, ...]] = [(show(x),) for x in across[: _MOST * _ACROSS]]
        places = [flat[i : i + _ACROSS] for i in range(0, len(flat), _ACROSS)]
    views = {kind: _view(run, notes) for kind, run in found.items()}
    if not any(view and "grid_output" in view.predictions for view in views.values()):
        return None
    axis_values = [across, values_of(groups, asked.y) if asked.y else []]
    said = {
        show(v): label for axis in axis_values for v, label in zip(axis, labels(axis), strict=True)
    }
    seeds = sorted({str(run.settings.get("seed")) for run in found.values()})
    below = [f"single runs, seed {', '.join(seeds[:5])}; dots: wrong on test"]
    title = listed([f"decision boundaries by {heads(keys)[0]}", *heads(keys)[1:]])
    size = (1.9, 1.95) if len(places[0]) > 2 else (2.6, 2.65)
    below += where_words(asked.where)
    hidden = len(runs) - sum(map(len, places))
    below += [f"{hidden} more are not shown"] if hidden > 0 else []
    figure, axes = panels(asked.title or title, below, len(places), len(places[0]), size, 0.3)
    for row, (kinds, panels_of_row) in enumerate(zip(places, axes, strict=True)):
        for column, panel in enumerate(panels_of_row):
            if column >= len(kinds):
                panel.set_axis_off()
                continue
            kind = kinds[column]
            _draw(panel, views.get(kind), found.get(kind))
            _names(panel, asked, [said[value] for value in kind], row, column)
    return figure


def _view(run: Member, notes: list[str]) -> RunView | None:
    try:
        return RunView.read(run.folder)
    except RunError as error:
        notes.append(f"left out of the boundaries: {error}")
        return None


def _names(axes: Axes, asked: BoundariesFigure, kind: Sequence[str], row: int, column: int) -> None:
    """The value of x above the first row (or each panel), that of y beside the first column."""
    if row == 0 or not asked.y:
        said = f"{heads([asked.x])[0]} {kind[0]}" if column == 0 and row == 0 else kind[0]
        axes.set_title(style.literal(said, 26), size=9, color=style.INK)
    if asked.y and column == 0:
        said = f"{heads([asked.y])[0]} {kind[1]}" if row == 0 else kind[1]
        axes.set_ylabel(style.wrapped(said, 22), size=9, color=style.INK)


def _draw(axes: Axes, view: RunView | None, run: Member | None) -> None:
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
    plane.paint(axes, view, class_of(plane.finer(grid), view.decision))
    plane.draw_boundaries(axes, view, grid)
    inputs, target, output = view.part("test")
    wrong = class_of(output, view.decision) != target
    axes.scatter(inputs[wrong, 0], inputs[wrong, 1], s=5, color=style.INK, linewidths=0, zorder=4)
    left, right, bottom, top = plane.extent(view)
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.set_xlabel(style.percent(1 - float(wrong.mean())), size=8, color=style.QUIET, labelpad=2)
