"""What a search's metric depends on: a bar for each key."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from minidl.plural import plural
from minidl.report.figures import style
from minidl.report.figures.picture import panels
from minidl.report.figures.shares import MOST_BARS, bars
from minidl.report.members.collect import Member
from minidl.report.members.importance import importance
from minidl.report.members.measures import words
from minidl.report.members.selection import on_validation
from minidl.report.tables.table import select
from minidl.report.tables.trials import ended_values
from minidl.spec.report import ImportanceFigure


def draw_importance(members: Sequence[Member], asked: ImportanceFigure) -> Figure | None:
    """The most important first; None where too few trials trained to their end."""
    chosen = [one for one in select(members, asked.where) if one.record.trial is not None]
    metric = asked.metric or on_validation("test_loss", chosen)
    found = importance(*ended_values(chosen, metric))
    if found is None:
        return None
    shown = sorted(found.keys.items(), key=lambda one: -one[1])[:MOST_BARS]
    below = [plural(found.trials, "trial"), f"a forest tells ranks with R² {found.r2:.2f}"]
    if found.r2 <= 0:
        below = [below[0], "a forest can't tell their ranks: no key is known to matter"]
    if len(shown) < len(found.keys):
        below.append(f"the {MOST_BARS} largest of {len(found.keys)}")
    title = asked.title or f"What {words(metric)} depends on"
    size = (5.4, 0.27 * len(shown) + 0.7)
    figure, ((axes,),) = panels(title, below, 1, 1, size, 0.3)
    names, falls = zip(*shown, strict=True)
    bars(axes, names, [max(fall, 0.0) for fall in falls], [style.BLUE] * len(shown), "{:.2f}")
    style.label(axes, "fall of R² where it is shuffled", "")
    return figure
