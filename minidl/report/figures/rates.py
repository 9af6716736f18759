"""The loss that each learning rate comes to, the one to take, and where training diverges."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from minidl.report.figures import style
from minidl.report.figures.picture import metric_axis, panels
from minidl.report.members.measures import words
from minidl.report.members.rates import METRIC, Rates


def draw_rates(name: str, found: Rates, epochs: int) -> Figure | None:
    """None where every training diverged."""
    known = ~found.diverged
    if not known.any():
        return None
    below = [f"after {epochs:,} epoch{'s' * (epochs != 1)}", f"{found.rates.size} trainings"]
    figure, ((axes,),) = panels(f"Learning rates: {name}", below, 1, 1, (6.2, 3.7), 0.3)
    axes.set_xscale("log")
    axes.set_xlim(found.rates[0] / 1.3, found.rates[-1] * 1.3)
    metric_axis(axes, METRIC, [found.losses[known]])
    axes.plot(
        found.rates[known], found.losses[known],
        color=style.class_colour(0), marker="o", markersize=4, linewidth=1.4, zorder=3,
    )  # fmt: skip
    lost = found.rates[~known]
    if lost.size:
        axes.plot(
            lost, np.full(lost.size, 0.97), "x", transform=axes.get_xaxis_transform(),
            color=style.class_colour(1), markersize=5, zorder=3,
        )  # fmt: skip
        axes.annotate(
            "diverged", (lost[-1], 0.97), xycoords=axes.get_xaxis_transform(), xytext=(0, -8),
            textcoords="offset points", ha="right", va="top", size=8, color=style.QUIET,
        )  # fmt: skip
    if found.suggested is not None:
        axes.axvline(found.suggested, color=style.QUIET, linewidth=1.2, linestyle="--", zorder=2)
        axes.annotate(
            f"{found.suggested:g}", (found.suggested, 0.03), xycoords=axes.get_xaxis_transform(),
            xytext=(-4, 0), textcoords="offset points", ha="right", size=9, color=style.QUIET,
        )  # fmt: skip
    style.label(axes, "learning rate", words(METRIC))
    return figure
