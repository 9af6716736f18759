"""Single runs laid over each other, with the epochs in which their rates change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minidl.report.figures import style
from minidl.report.figures.axes import rate_changes
from minidl.report.figures.lines import Line, draw, legend, listed
from minidl.report.figures.picture import MOST_LINES, looks, panels, tall, where_words
from minidl.report.members.collect import Member
from minidl.report.members.groups import Group, group_by, values_of
from minidl.report.members.measures import words
from minidl.report.members.series import single
from minidl.report.members.settings import heads, labels, show
from minidl.report.tables.table import check_keys, select
from minidl.spec.report import OverlayFigure

_MOST_CHANGES = 20  # a rate that changes more often than this isn't marked


def overlay(members: Sequence[Member], asked: OverlayFigure, notes: list[str]) -> Figure | None:
    """Single runs: one per value of a key, all with the same seed; dots where the rate changes."""
    chosen = select(members, asked.where)
    check_keys(chosen, [asked.lines])
    groups = group_by(chosen, [asked.lines])
    values = values_of(groups, asked.lines)
    groups.sort(key=lambda group: values.index(group.settings.get(asked.lines)))
    runs = single_runs(groups, asked.seed, notes)
    styled = list(zip(runs, looks(values), strict=False))[:MOST_LINES]
    said = dict(zip(map(show, values), labels(values), strict=True))
    drawn: dict[str, list[Line]] = {}
    for metric in asked.metrics:
        found = [(said[show(g.settings.get(asked.lines))], run, look) for (g, run), look in styled]
        made = [(label, look, single(run, metric, notes)) for label, run, look in found]
        drawn[metric] = [Line(label, look, curve) for label, look, curve in made if curve]
    if not any(line.series.epochs.size for lines in drawn.values() for line in lines):
        return None
    seeds = sorted({str(run.settings.get("seed")) for _, run in runs})
    below = [f"single runs, seed {', '.join(seeds[:5])}", *where_words(asked.where)]
    below += [f"{MOST_LINES} of {len(runs)} lines"] if len(runs) > MOST_LINES else []
    figure, axes = panels(
        asked.title or f"{listed(words(metric) for metric in asked.metrics)} over the epochs",
        below,
        1,
        len(asked.metrics),
        size=tall(
            (5.2 if len(asked.metrics) == 1 else 4.3, 3.6),
            ["rate changes", *said.values()],
        ),
    )
    by_label = {said[show(group.settings.get(asked.lines))]: run for group, run in runs}
    marked = False
    for panel, metric in zip(axes[0], asked.metrics, strict=True):
        draw(panel, metric, drawn[metric], asked.scale, drawn[metric])
        if asked.rates and metric != "lr":
            rings = [_mark_rates(panel, line, by_label[line.label]) for line in drawn[metric]]
            marked = marked or any(rings)
        style.label(panel, "epoch", words(metric))
    legend(axes[0][-1], heads([asked.lines])[0], drawn[asked.metrics[-1]], rates=marked)
    return figure


def single_runs(
    groups: Sequence[Group], seed: int | None, notes: list[str]
) -> list[tuple[Group, Member]]:
    """One run of each group: that of the seed, or of the lowest that all have, if there is one.

    Where several runs fit, the first by name is taken, and that is noted.
    """

    def seeds(group: Group) -> set[Any]:
        return {member.settings.get("seed") for member in group.members}

    shared = set.intersection(*map(seeds, groups)) if groups else set()
    numbers = [value for value in shared if isinstance(value, int)]
    wanted = seed if seed is not None else min(numbers, default=None)
    found, choices = [], 1
    for group in groups:
        fitting = [m for m in group.members if wanted is None or m.settings.get("seed") == wanted]
        ended = [member for member in fitting if member.finished] or fitting
        if ended:
            found.append((group, ended[0]))
            choices = max(choices, len({member.experiment for member in ended}))
    if choices > 1:
        notes.append(
            f"single runs are drawn, but up to {choices} unlike ones fit each place: the first by "
            "name is taken (`where` says which)"
        )
    return found


def _mark_rates(axes: Axes, line: Line, run: Member) -> bool:
    """Rings on the curve at the epochs after which another rate holds; whether there are any."""
    columns = run.columns
    epochs = columns.get("epoch", np.empty(0))
    if not line.series.epochs.size:
        return False
    changes = [place for place, _ in rate_changes(columns.get("lr"), epochs)]
    if not 0 < len(changes) <= _MOST_CHANGES:
        return False
    values = np.interp(changes, line.series.epochs, line.series.mean)
    axes.plot(
        changes,
        values,
        "o",
        color=line.look.colour,
        markersize=5.5,
        markerfacecolor="white",
        markeredgewidth=1.4,
        zorder=5,
    )
    return True
