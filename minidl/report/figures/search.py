"""A search's trials in their order or as time passed, and the best so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from minidl.plural import plural
from minidl.report.figures import legends, style
from minidl.report.figures.picture import metric_axis, panels
from minidl.report.members.collect import Member
from minidl.report.members.groups import Group
from minidl.report.members.measures import words
from minidl.report.members.selection import on_validation
from minidl.report.tables.table import select
from minidl.report.tables.trials import trials_of, value_of
from minidl.scores import higher_is_better
from minidl.spec.report import SearchFigure


def search(members: Sequence[Member], asked: SearchFigure) -> Figure | None:
    """A point for each trial, and a line: the best so far of those that weren't stopped.

    They stand by their numbers, or by the seconds from the search's start to their end, pauses
    included. None where no run is of a search, or none has the metric (and a time).
    """
    chosen = [one for one in select(members, asked.where) if one.record.trial is not None]
    metric = asked.metric or on_validation("test_loss", chosen)
    place = _number if asked.over == "trials" else _ends(chosen)
    trials = [one for one in trials_of(chosen, metric) if math.isfinite(place(one))]
    trials.sort(key=place)
    numbers = np.array([place(trial) for trial in trials], dtype=float)
    values = np.array([value_of(trial, metric).mean for trial in trials])
    ended = np.array([trial.count("stopped") == 0 for trial in trials], dtype=bool)
    ended &= np.isfinite(values)
    if not np.isfinite(values).any():
        return None
    below = [plural(len(trials), "trial")]
    if stopped := sum(trial.count("stopped") > 0 for trial in trials):
        below.append(f"{stopped} stopped early")
    title = asked.title or f"Search by {words(metric)}"
    figure, ((axes,),) = panels(title, below, 1, 1, (6.6, 3.9), 0.3)
    metric_axis(axes, metric, [values[np.isfinite(values)]])
    blue, red = style.class_colour(0), style.class_colour(1)
    handles, labels = [], []
    early = np.isfinite(values) & ~ended
    if early.any():
        handles += axes.plot(
            numbers[early], values[early], "o",
            color=style.QUIET, markerfacecolor="none", markersize=4, zorder=3,
        )  # fmt: skip
        labels.append("stopped at a rung")
    if ended.any():
        handles += axes.plot(numbers[ended], values[ended], "o", color=blue, markersize=4, zorder=3)
        labels.append("trained to the end")
        better = np.maximum if higher_is_better(metric) else np.minimum
        steps = np.append(better.accumulate(values[ended]), better.reduce(values[ended]))
        handles += axes.plot(
            np.append(numbers[ended], numbers[-1]), steps,
            color=blue, linewidth=1.6, drawstyle="steps-post", zorder=2,
        )  # fmt: skip
        labels.append("the best so far")
    lost = numbers[~np.isfinite(values)]
    if lost.size:
        handles += axes.plot(
            lost, np.full(lost.size, 0.97), "x",
            transform=axes.get_xaxis_transform(), color=red, markersize=4, zorder=3,
        )  # fmt: skip
        labels.append("diverged or failed")
    room = 0.02 * (numbers[-1] - numbers[0]) or 0.5
    axes.set_xlim(numbers[0] - room, numbers[-1] + room)
    by_number = asked.over == "trials"
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=by_number))
    style.label(axes, "trial" if by_number else "seconds since the search began", words(metric))
    legends.at_head(figure, handles, labels)
    return figure


def _number(trial: Group) -> float:
    """Counted from 1."""
    numbers = (one.record.trial for one in trial.members)
    return 1 + min((number for number in numbers if number is not None), default=math.inf)


def _ends(members: Sequence[Member]) -> Callable[[Group], float]:
    """When the last of a trial's runs ended, in seconds since the search's first began; or NaN."""
    begun = min(
        (at for one in members if not math.isnan(at := _time(one.record.started))), default=0.0
    )

    def end(trial: Group) -> float:
        return float(np.max([_time(one.record.ended) for one in trial.members])) - begun

    return end


def _time(said: str | None) -> float:
    try:
        return datetime.fromisoformat(said or "").timestamp()
    except ValueError:
        return math.nan
