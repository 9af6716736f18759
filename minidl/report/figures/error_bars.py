"""A metric over one or two keys as points with error bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from minidl.report.figures import legends, style
from minidl.report.figures.axes import HUGE
from minidl.report.figures.lines import listed
from minidl.report.figures.picture import (
    ACROSS,
    MOST_LINES,
    MOST_VALUES,
    Look,
    counted,
    looks,
    metric_axis,
    panels,
    pooled,
    tall,
    value_axis,
    where_words,
)
from minidl.report.members.collect import Member
from minidl.report.members.groups import Group, Statistics, group_by, values_of
from minidl.report.members.measures import words
from minidl.report.members.settings import heads, labels, show
from minidl.report.tables.table import check_keys, select
from minidl.spec.report import ErrorBarsFigure


def error_bars(members: Sequence[Member], asked: ErrorBarsFigure) -> Figure | None:
    """A point with its bar per value of x, in a colour per value of `lines`."""
    chosen = select(members, asked.where)
    keys = [key for key in (asked.x, asked.lines) if key]
    check_keys(chosen, keys)
    groups = group_by(chosen, keys)
    places = values_of(groups, asked.x)[:MOST_VALUES]
    lines: list[Any] = values_of(groups, asked.lines)[:MOST_LINES] if asked.lines else [None]
    measured = {
        tuple(show(group.settings.get(key)) for key in keys): group.statistics(
            asked.metric, asked.epoch
        )
        for group in groups
    }
    if not any(of.n for of in measured.values()):
        return None
    below = [counted([of.n for of in measured.values()], asked.band)]
    below += [*where_words(asked.where), *pooled(groups)]
    title = listed([f"{words(asked.metric)} by {heads(keys)[0]}", *heads(keys)[1:]])
    width = min(max(0.32 * len(places) * max(len(lines), 2), 4.6), 11)
    said = labels(lines)
    size, beside = tall((width, 3.7), said), 1.5 if asked.lines else 0.3
    figure, ((axes,),) = panels(asked.title or title, below, 1, 1, size, beside)
    log = _scaled(axes, asked, list(measured.values()))
    handles, entries = [], []
    for index, (line, look) in enumerate(zip(lines, looks(lines), strict=True)):
        shift = (index - (len(lines) - 1) / 2) * min(0.7 / len(lines), 0.2)
        points = {
            at + shift: measured[kind]
            for at, place in enumerate(places)
            if measured.get(kind := _kind(place, line, asked), Statistics(0)).n
        }
        handles.append(_bars(axes, points, asked.band, look, log))
        entries.append(style.wrapped(said[index], ACROSS))
    _mark_lost(axes, groups, places, asked)
    value_axis(axes, places, width)
    axes.grid(visible=False, axis="x")
    style.label(axes, heads([asked.x])[0], words(asked.metric))
    if asked.lines:
        legends.named(axes, heads(keys)[1], handles, entries)
    return figure


def _kind(place: Any, line: Any, asked: ErrorBarsFigure) -> tuple[str, ...]:
    return (show(place), show(line)) if asked.lines else (show(place),)


def _scaled(axes: Axes, asked: ErrorBarsFigure, measured: Sequence[Statistics]) -> bool:
    """Gives the axes a scale with room for all bars; returns whether it is logarithmic."""
    known = [of for of in measured if of.n]

    def ends(log: bool) -> np.ndarray:
        return np.clip([_span(of, asked.band, log) for of in known], -HUGE, HUGE)

    metric_axis(axes, asked.metric, [ends(log=True)])
    if axes.get_yscale() == "log":
        return True
    low, high = float(ends(log=False).min()), float(ends(log=False).max())
    room = 0.1 * (high - low) or 0.05 * abs(high) or 1.0
    bottom = 0.0 if 0 <= low < 0.3 * high else low - room
    top = min(high + room, 1.005) if asked.metric.endswith("accuracy") else high + room
    axes.set_ylim(bottom, top)
    return False


def _bars(
    axes: Axes, points: Mapping[float, Statistics], band: str, look: Look, log: bool
) -> ErrorbarContainer:
    means = [of.mean for of in points.values()]
    spans = [_span(of, band, log) for of in points.values()]
    below = [mean - low for mean, (low, _) in zip(means, spans, strict=True)]
    above = [high - mean for mean, (_, high) in zip(means, spans, strict=True)]
    return axes.errorbar(
        list(points), means, [below, above],
        color=look.colour, marker=look.marker, markersize=6, linestyle="",
        elinewidth=1.6, capsize=3.5, capthick=1.6, zorder=3,
    )  # fmt: skip


def _span(of: Statistics, band: str, log: bool) -> tuple[float, float]:
    """The ends of a bar; on a logarithmic axis one that reaches 0 ends at the lowest run."""
    if band == "range":
        return of.min, of.max
    reach = of.ci95 if band == "ci95" else of.std
    reach = reach if math.isfinite(reach) else 0.0
    low = of.mean - reach
    return of.min if log and low <= 0 else low, of.mean + reach


def _mark_lost(
    axes: Axes, groups: Sequence[Group], places: Sequence[Any], asked: ErrorBarsFigure
) -> None:
    """Says above each value of x how many runs diverged, where any did."""
    for at, place in enumerate(places):
        same = [group for group in groups if show(group.settings.get(asked.x)) == show(place)]
        diverged = sum(group.count("diverged") for group in same)
        if diverged:
            axes.annotate(
                f"{diverged} diverged", (at, 1), xycoords=axes.get_xaxis_transform(),
                xytext=(0, 3), textcoords="offset points", ha="center", size=8, color=style.QUIET,
            )  # fmt: skip
