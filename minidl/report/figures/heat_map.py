"""A metric's mean over two keys as a map of coloured cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from minidl.report.figures import style
from minidl.report.figures.lines import listed
from minidl.report.figures.picture import (
    MOST_PANELS,
    MOST_VALUES,
    counted,
    named,
    panels,
    pooled,
    value_axis,
    where_words,
)
from minidl.report.members.collect import Member
from minidl.report.members.groups import group_by, values_of
from minidl.report.members.measures import words
from minidl.report.members.settings import heads, labels
from minidl.report.tables.numbers import one
from minidl.report.tables.table import check_keys, select
from minidl.scores import higher_is_better, is_share
from minidl.spec.report import HeatMapFigure

_MOST_WRITTEN = 15  # columns whose cells have room for their number


def heat_map(members: Sequence[Member], asked: HeatMapFigure) -> Figure | None:
    """The mean over two keys, a panel per value of a third."""
    chosen = select(members, asked.where)
    keys = [key for key in (asked.x, asked.y, asked.panels) if key]
    check_keys(chosen, keys)
    groups = group_by(chosen, keys)
    shown: list[Any] = values_of(groups, asked.panels)[:MOST_PANELS] if asked.panels else [None]
    across, down = (values_of(groups, key)[:MOST_VALUES] for key in (asked.x, asked.y))
    means = np.full((len(shown), len(down), len(across)), math.nan)
    lost = np.zeros_like(means, dtype=int)
    measured = []
    for group in groups:
        values = [group.settings.get(key) for key in (asked.panels, asked.y, asked.x) if key]
        cell = _index((shown, down, across), values if asked.panels else [None, *values])
        if cell is not None:
            of = group.statistics(asked.metric, asked.epoch)
            measured.append(of)
            means[cell], lost[cell] = of.mean, group.count("diverged")
    known = means[np.isfinite(means)]
    if not known.size:
        return None
    columns = min(len(shown), 3 if len(across) <= 6 else 2)
    rows = -(-len(shown) // columns)
    size = (min(max(0.62 * len(across) + 1.2, 3.2), 8), min(max(0.42 * len(down) + 1.1, 2.6), 8))
    title = listed([f"{words(asked.metric)} by {heads(keys)[0]}", *heads(keys)[1:]])
    below = [counted([of.n for of in measured], "none")]
    below += [*where_words(asked.where), *pooled(groups)]
    figure, axes = panels(asked.title or title, below, rows, columns, size, 1.0)
    norm = _norm(asked.metric, known)
    flat = [place for row in axes for place in row]
    for index, place in enumerate(flat):
        if index >= len(shown):
            place.set_axis_off()
            continue
        image = place.imshow(
            np.ma.masked_invalid(means[index]),
            cmap=style.CELLS, norm=norm, aspect="auto", origin="lower",
        )  # fmt: skip
        _cells(place, asked.metric, means[index], lost[index], norm)
        value_axis(place, across, size[0])
        place.set_yticks(range(len(down)), [style.wrapped(label, 18) for label in labels(down)])
        if asked.panels:
            title = style.literal(named(asked.panels, shown[index]), 30)
            place.set_title(title, size=9, color=style.INK)
        short = heads([asked.x, asked.y])
        style.label(place, short[0], short[1] if index % columns == 0 else "")
    bar = figure.colorbar(image, ax=flat, shrink=0.9, aspect=24, pad=0.02)
    style.dress_bar(bar, words(asked.metric))
    if is_share(asked.metric):
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.6g} %")
    elif isinstance(norm, LogNorm):
        bar.ax.yaxis.set_major_formatter(lambda value, _: style.number(value))
    return figure


def _index(axes: Sequence[Sequence[Any]], values: Sequence[Any]) -> tuple[int, ...] | None:
    """Where a cell lies; None beyond what is shown."""
    if any(value not in axis for axis, value in zip(axes, values, strict=True)):
        return None
    return tuple(axis.index(value) for axis, value in zip(axes, values, strict=True))


def _norm(metric: str, known: np.ndarray) -> Normalize:
    low, high = float(known.min()), float(known.max())
    if low > 0 and high > 30 * low and not higher_is_better(metric):
        return LogNorm(low, high)
    room = 0 if high > low else 0.05 * abs(low) or 1.0
    return Normalize(low - room, high + room)


def _cells(axes: Axes, metric: str, means: np.ndarray, lost: np.ndarray, norm: Normalize) -> None:
    """The numbers in the cells, and how many runs diverged; hatched where no number is known."""
    rows, columns = means.shape
    axes.set_xticks(np.arange(columns - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(rows - 1) + 0.5, minor=True)
    axes.grid(visible=False)
    axes.grid(which="minor", color="white", linewidth=1.5)
    for (row, column), mean in np.ndenumerate(means):
        known, diverged = math.isfinite(mean), int(lost[row, column])
        if not known:
            _blank(axes, row, column, hatched=diverged > 0)
        if columns > _MOST_WRITTEN:
            continue
        said = [_number(mean, metric)] if known else [] if diverged else ["–"]
        said += [f"{diverged} div." if known else "div."] if diverged else []
        colour = style.legible(style.CELLS(float(norm(mean)))) if known else style.INK
        size = 8 if len(said) == 1 else 7
        axes.text(
            column, row, "\n".join(said), ha="center", va="center", size=size, color=colour,
            bbox=None if known else {"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )  # fmt: skip


def _number(mean: float, metric: str) -> str:
    return f"{100 * mean:.1f}" if is_share(metric) else one(float(f"{mean:.3g}"), metric)


def _blank(axes: Axes, row: int, column: int, hatched: bool) -> None:
    corner, hatch = (column - 0.5, row - 0.5), "////" if hatched else None
    look: dict[str, Any] = {"facecolor": "#F4F4F4", "edgecolor": style.FRAME, "linewidth": 0}
    axes.add_patch(Rectangle(corner, 1, 1, hatch=hatch, **look))
