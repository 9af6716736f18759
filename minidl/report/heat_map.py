"""A metric's mean over two keys as a map of coloured cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from minidl.report import style
from minidl.report.collect import Member
from minidl.report.groups import group_by, values_of
from minidl.report.lines import listed
from minidl.report.measures import is_share, words
from minidl.report.numbers import one
from minidl.report.picture import (
    MOST_PANELS,
    MOST_VALUES,
    counted,
    named,
    panels,
    value_axis,
    where_words,
)
from minidl.report.settings import heads, show
from minidl.report.table import check_keys, select
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
    lost = np.zeros_like(means, dtype=bool)
    measured = []
    for group in groups:
        values = [group.settings.get(key) for key in (asked.panels, asked.y, asked.x) if key]
        cell = _index((shown, down, across), values if asked.panels else [None, *values])
        if cell is not None:
            of = group.statistics(asked.metric, asked.epoch)
            measured.append(of)
            means[cell], lost[cell] = of.mean, not of.n and group.count("diverged") > 0
    known = means[np.isfinite(means)]
    if not known.size:
        return None
    columns = min(len(shown), 3 if len(across) <= 6 else 2)
    rows = -(-len(shown) // columns)
    size = (min(max(0.62 * len(across) + 1.2, 3.2), 8), min(max(0.42 * len(down) + 1.1, 2.6), 8))
    title = listed([f"{words(asked.metric)} by {heads(keys)[0]}", *heads(keys)[1:]])
    below = [counted([of.n for of in measured], "none"), *where_words(asked.where)]
    figure, axes = panels(asked.title or title, below, rows, columns, size, 1.0)
    norm = _norm(asked.metric, known)
    flat = [place for row in axes for place in row]
    for index, place in enumerate(flat):
        if index >= len(shown):
            place.set_axis_off()
            continue
        image = place.imshow(
            np.ma.masked_invalid(means[index]),
            cmap=style.SEQUENTIAL, norm=norm, aspect="auto", origin="lower",
        )  # fmt: skip
        _cells(place, asked.metric, means[index], lost[index], norm)
        value_axis(place, across, size[0])
        place.set_yticks(range(len(down)), [style.literal(show(v), 18) for v in down])
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
    if low > 0 and high > 30 * low and not metric.endswith(("accuracy", "r2", "psnr")):
        return LogNorm(low, high)
    room = 0 if high > low else 0.05 * abs(low) or 1.0
    return Normalize(low - room, high + room)


def _cells(axes: Axes, metric: str, means: np.ndarray, lost: np.ndarray, norm: Normalize) -> None:
    """The numbers in the cells, legible on their colours; `div.` where all runs diverged."""
    axes.grid(visible=False)
    if means.shape[1] > _MOST_WRITTEN:
        return
    for (row, column), mean in np.ndenumerate(means):
        if math.isfinite(mean):
            dark = float(norm(mean)) > 0.55
            said, colour = one(float(f"{mean:.3g}"), metric), "white" if dark else style.INK
            said = f"{100 * mean:.1f}" if is_share(metric) else said
        else:
            said, colour = "div." if lost[row, column] else "–", style.QUIET
        axes.text(column, row, said, ha="center", va="center", size=8, color=colour)
