"""Whose a metric's variance is, as bars."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minidl.plural import plural
from minidl.report.figures import style
from minidl.report.figures.picture import panels
from minidl.report.members.measures import words
from minidl.report.members.shares import Shares

MOST_BARS = 20


def draw_shares(found: Shares) -> Figure:
    """A bar for each cause, keys in one colour and seeds in another."""
    shown = sorted(found.shares, key=lambda one: -one.share)[:MOST_BARS]
    shown = [one for one in found.shares if one in shown]
    below = [plural(found.runs, "run")]
    if len(shown) < len(found.shares):
        below.append(f"the {MOST_BARS} largest of {len(found.shares)}")
    height = 0.27 * len(shown) + 0.7
    title = f"What {words(found.metric)} varies by"
    figure, ((axes,),) = panels(title, below, 1, 1, (5.4, height), 0.3)
    colours = [style.ORANGE if one.by_seed else style.BLUE for one in shown]
    bars(axes, [one.of for one in shown], [100 * one.share for one in shown], colours, "{:.1f} %")
    style.label(axes, "share of the variance (%)", "")
    return figure


def bars(
    axes: Axes, names: Sequence[str], values: Sequence[float], colours: Sequence[str], format: str
) -> None:
    """A bar for each name from top to bottom, its value beside it in this format."""
    places = range(len(names))
    axes.barh(places, values, color=colours, height=0.68, zorder=3)
    axes.set_yticks(places, [style.literal(name, 44) for name in names])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.14 * max(values) or 1.0)
    axes.grid(visible=False, axis="y")
    for place, value in zip(places, values, strict=True):
        axes.annotate(
            format.format(value), (value, place), xytext=(4, 0), textcoords="offset points",
            va="center", size=8, color=style.QUIET,
        )  # fmt: skip
