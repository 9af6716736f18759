"""The axes of curves: a scale that suits the metric, epochs, changes of the learning rate."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from minidl.report.figures import style

HUGE = 1e300  # beyond it matplotlib's own sums overflow
_DECADES = 30  # a loss that spans more than this factor is drawn on a logarithmic scale


def scale(axes: Axes, curves: list[np.ndarray], metric: str) -> None:
    """Logarithmic where a loss spans decades; never so close that rounding looks like a story."""
    values = np.concatenate(curves)
    values = np.clip(values[np.isfinite(values)], -HUGE, HUGE)
    low, high = float(values.min()), float(values.max())
    if metric == "loss":
        positive = values[values > 0]
        if positive.size and positive.max() > _DECADES * positive.min():
            logarithmic(axes, float(positive.max() / positive.min()))
            return
    if metric == "accuracy":
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.6g} %")
        room = max(0.06 * (high - low), 0.01)
        axes.set_ylim(max(low - room, -0.01), min(high + room, 1.005))
        return
    if metric == "r2" and low < -1 < high:
        low = -1.0  # an untrained network can be arbitrarily bad: no need to show that
        axes.set_ylim(low, high + 0.05 * (high - low))
    if high - low < 1e-9 * abs(high):
        axes.set_ylim(low - 0.05 * abs(high), high + 0.05 * abs(high))


def logarithmic(axes: Axes, span: float) -> None:
    """Ticks at 1, 2, 5 of each decade while there are few decades, as plain numbers."""
    axes.set_yscale("log", nonpositive="mask")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if span < 1e3 else (1,), numticks=9))
    axes.yaxis.set_major_formatter(lambda value, _: style.number(value))
    axes.yaxis.set_minor_formatter(NullFormatter())


def epoch_axis(axes: Axes, epochs: np.ndarray) -> None:
    first, last = float(epochs[0]), float(epochs[-1])
    room = 0.02 * (last - first) or 0.5
    axes.set_xlim(first - room, last + room)
    if first == last:
        axes.set_xticks([first])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]))


def rate_changes(rates: np.ndarray | None, epochs: np.ndarray) -> list[tuple[float, float]]:
    """(epoch after which it holds, new rate) for every change of the learning rate."""
    if rates is None:
        return []
    changed = np.flatnonzero(np.diff(rates)) + 1
    return [(float(epochs[i - 1]), float(rates[i])) for i in changed if np.isfinite(rates[i])]
