"""Means over the epochs with their bands, a line per value of a key."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from minidl.report.figures import style
from minidl.report.figures.lines import Line, draw, legend, listed, said_of
from minidl.report.figures.picture import (
    MOST_LINES,
    MOST_PANELS,
    counted,
    looks,
    named,
    panels,
    pooled,
    tall,
    where_words,
)
from minidl.report.members.collect import Member
from minidl.report.members.groups import Group, best_over, group_by, values_of
from minidl.report.members.measures import words
from minidl.report.members.selection import on_validation
from minidl.report.members.series import series
from minidl.report.members.settings import heads, labels
from minidl.report.tables.table import check_keys, select
from minidl.spec.report import CurvesFigure

_ACROSS = 3


@dataclass(frozen=True)
class _Panel:
    title: str
    metric: str
    lines: Sequence[Line]


def curves(members: Sequence[Member], asked: CurvesFigure, notes: list[str]) -> Figure | None:
    """Mean ± std of each metric, a panel each; once more for each value of `asked.panels`."""
    chosen = select(members, asked.where)
    keys = [key for key in (asked.panels, asked.lines, asked.best_over) if key]
    check_keys(chosen, keys)
    groups = group_by(chosen, list(dict.fromkeys(keys)))
    best_by = asked.best_by or on_validation("test_loss", chosen)
    if asked.best_over:
        groups = best_over(groups, asked.best_over, best_by)
    values = values_of(groups, asked.lines)
    rows = _rows(groups, asked, values, notes)
    drawn = [panel for row in rows for panel in row]
    if not any(line.series.epochs.size for panel in drawn for line in panel.lines):
        return None
    figure, axes = panels(
        asked.title or f"{listed(words(metric) for metric in asked.metrics)} over the epochs",
        [*_below(asked, best_by, values, drawn), *pooled(groups)],
        len(rows),
        len(rows[0]),
        size=tall(
            (4.3, 3.3) if len(rows[0]) < 3 else (3.6, 2.9),
            said_of([line for panel in drawn for line in panel.lines]),
        ),
    )
    shared = not asked.best_over
    for index, (row, places) in enumerate(zip(rows, axes, strict=True)):
        for panel, place in itertools.zip_longest(row, places):
            if panel is None:
                place.set_axis_off()
                continue
            same = [line for other in drawn if _alike(other, panel) for line in other.lines]
            draw(place, panel.metric, panel.lines, asked.scale, same)
            if panel.title:
                place.set_title(style.literal(panel.title, 40), size=9, color=style.INK)
            style.label(place, "epoch", words(panel.metric))
        if index == 0 or not shared:
            told = [panel for panel in (drawn if shared else row) if panel.metric == row[-1].metric]
            said = [line for panel in told for line in panel.lines]
            legend(places[len(row) - 1], heads([asked.lines])[0], said)
    return figure


def _rows(
    groups: Sequence[Group], asked: CurvesFigure, values: Sequence[Any], notes: list[str]
) -> list[list[_Panel]]:
    """A row per value of `asked.panels` and a column per metric; of one metric, rows of three."""
    if asked.panels is None:
        return [[_Panel("", m, _lines(groups, asked, values, m, notes)) for m in asked.metrics]]
    rows = []
    for value in values_of(groups, asked.panels)[:MOST_PANELS]:
        same = [group for group in groups if group.settings.get(asked.panels) == value]
        title = named(asked.panels, value)
        rows.append(
            [_Panel(title, m, _lines(same, asked, values, m, notes)) for m in asked.metrics]
        )
    if len(asked.metrics) == 1 and not asked.best_over:
        flat = [row[0] for row in rows]
        return [flat[i : i + _ACROSS] for i in range(0, len(flat), _ACROSS)]
    return rows


def _lines(
    groups: Sequence[Group],
    asked: CurvesFigure,
    values: Sequence[Any],
    metric: str,
    notes: list[str],
) -> list[Line]:
    """A line per value, in the values' order, as many as a reader can tell apart."""
    lines = []
    said = labels(values)
    for index, (value, look) in enumerate(zip(values, looks(values), strict=True)):
        for group in groups if index < MOST_LINES else ():
            if group.settings.get(asked.lines) != value:
                continue
            made = series(group.members, metric, asked.band, notes)
            label = said[index]
            if asked.best_over:
                label += f" ({named(asked.best_over, group.settings.get(asked.best_over))})"
            if made is not None:
                lines.append(Line(label, look, made))
    return lines


def _below(
    asked: CurvesFigure, best_by: str, values: Sequence[Any], drawn: Sequence[_Panel]
) -> list[str]:
    said = [counted([line.series.n for panel in drawn for line in panel.lines], asked.band)]
    said += where_words(asked.where)
    if asked.best_over:
        said.append(f"best {heads([asked.best_over])[0]} by {words(best_by)}")
    if len(values) > MOST_LINES:
        said.append(f"{MOST_LINES} of {len(values)} lines")
    return said


def _alike(one: _Panel, other: _Panel) -> bool:
    """Whether two panels share their scale: train_loss and test_loss do."""
    return one.metric.rpartition("_")[2] == other.metric.rpartition("_")[2]
