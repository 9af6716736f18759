"""Curves over the epochs: loss, accuracy, R², PSNR."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from minidl.report.figures import legends, style
from minidl.report.figures.axes import epoch_axis, rate_changes, scale
from minidl.report.members.run_view import RunView

_MOST_MARKS = 6  # more changes of the rate than this get a strip of their own below the curve
_NARROWEST = 0.07  # so do changes closer than this share of the axis: their labels would collide
_RING: dict[str, Any] = {
    "color": style.INK,
    "marker": "o",
    "markersize": 8,
    "markerfacecolor": "none",
    "markeredgewidth": 1.3,
    "linestyle": "",
    "zorder": 4,
}


def loss(run: RunView) -> Figure | None:
    return _curves(run, "loss", "Loss")


def accuracy(run: RunView) -> Figure | None:
    return _curves(run, "accuracy", "Accuracy")


def r2(run: RunView) -> Figure | None:
    return _curves(run, "r2", "R²")


def psnr(run: RunView) -> Figure | None:
    return _curves(run, "psnr", "PSNR")


def _curves(run: RunView, metric: str, title: str) -> Figure | None:
    """Each part over the epochs; None where no epoch has a number for either."""
    epochs = run.metrics.get("epoch", np.empty(0))
    curves = {part: run.metrics.get(f"{part}_{metric}") for part in style.PARTS}
    drawn = {p: c for p, c in curves.items() if c is not None and np.isfinite(c).any()}
    if not drawn:
        return None
    changes = rate_changes(run.metrics.get("lr"), epochs)
    strip = bool(changes) and not _roomy(changes, epochs)
    figure, axes = style.new_figure(
        title,
        _summary(run, metric, epochs),
        size=(6.4, 4.8 if strip else 4.2),
        shape=(2, 1) if strip else (1, 1),
        sharex=True,
        height_ratios=(5, 1) if strip else None,
    )
    handles, labels = _lines(axes[0], run, epochs, drawn, metric)
    legends.at_head(figure, handles, labels)
    scale(axes[0], list(drawn.values()), metric)
    epoch_axis(axes[0], epochs)
    if run.status == "diverged":
        axes[0].axvline(epochs[-1], color=style.INK, linewidth=1.2, linestyle=(0, (1, 1.5)))
    if strip:
        _rate_strip(axes[1], epochs, run.metrics["lr"])
    elif changes:
        _rate_marks(axes[0], epochs, changes, run.metrics["lr"][0])
    style.label(axes[-1], "epoch", "rate" if strip else "")
    style.label(axes[0], "" if strip else "epoch", "dB" if metric == "psnr" else "")
    return figure


def _summary(run: RunView, metric: str, epochs: np.ndarray) -> str:
    """The run's name, and its best epoch on the part that choices look at."""
    words = [style.literal(run.name, style.LONGEST)]
    if run.status == "diverged":
        words.append(f"diverged in epoch {epochs[-1]:.0f}")
    part = "val" if f"val_{metric}" in run.metrics else "test"
    values = run.metrics.get(f"{part}_{metric}")
    if values is not None and run.status == "diverged":
        values = values[:-1]  # what worthless weights got right isn't the best
    if values is not None and np.isfinite(values).any():
        best = np.nanargmin(values) if metric == "loss" else np.nanargmax(values)
        words.append(f"best on {part} {_value(values[best], metric)} (epoch {epochs[best]:.0f})")
    return "  ·  ".join(words)


def _value(value: float, metric: str) -> str:
    if metric == "psnr":
        return f"{value:.2f} dB"
    return style.percent(value) if metric == "accuracy" else style.number(value)


def _lines(
    axes: Axes, run: RunView, epochs: np.ndarray, curves: dict[str, np.ndarray], metric: str
) -> tuple[list[Line2D], list[str]]:
    """Draws the curves; returns what the legend says of them, with the values that a run ends with.

    Rings mark the epoch whose weights were kept, where that isn't the last.
    """
    handles, labels, rings = [], [], []
    for part, values in curves.items():
        known = np.isfinite(values)
        colour, marker = style.PARTS[part]
        few = np.count_nonzero(known) <= 25
        (line,) = axes.plot(
            epochs[known],
            values[known],
            color=colour,
            linewidth=1.6,
            marker=marker if few else "",
            markersize=4.5,
            zorder=3,
        )
        handles.append(line)
        labels.append(f"{part}  {_value(run.final(f'{part}_{metric}'), metric)}")
        kept = known & (epochs == (run.kept or 0))
        if kept[:-1].any():
            rings += axes.plot(epochs[kept], values[kept], **_RING)
    if rings:
        handles.append(rings[0])
        labels.append(f"kept (epoch {run.kept:.0f})")
    return handles, labels


def _roomy(changes: list[tuple[float, float]], epochs: np.ndarray) -> bool:
    places = np.array([epochs[0], *(place for place, _ in changes)])
    span = float(epochs[-1] - epochs[0]) or 1.0
    return len(changes) <= _MOST_MARKS and bool(np.all(np.diff(places) >= _NARROWEST * span))


def _rate_marks(
    axes: Axes, epochs: np.ndarray, changes: list[tuple[float, float]], first: float
) -> None:
    """A vertical line at each change, the rate written above the frame where it begins to hold."""
    for place, _ in changes:
        axes.axvline(place, color=style.QUIET, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    for place, rate in [(float(epochs[0]), first), *changes]:
        late = place > epochs[0] + 0.93 * (epochs[-1] - epochs[0])
        axes.annotate(
            f"rate {style.number(rate)}" if place == epochs[0] else style.number(rate),
            (place, 1.0),
            xycoords=axes.get_xaxis_transform(),
            xytext=(-2 if late else 2, 3),
            textcoords="offset points",
            ha="right" if late else "left",
            size=8,
            color=style.QUIET,
        )


def _rate_strip(axes: Axes, epochs: np.ndarray, rates: np.ndarray) -> None:
    """The rate of each epoch as an area of its own below the curve."""
    rates = np.nan_to_num(rates, posinf=0.0)
    axes.step(epochs, rates, where="mid", color=style.QUIET, linewidth=1.3)
    axes.fill_between(epochs, rates, step="mid", color=style.GRID, zorder=0)
    low, high = float(rates.min()), float(rates.max())
    if low > 0 and float(np.median(rates)) < 0.03 * high:
        axes.set_yscale("log")
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        low = 0.0
        axes.set_ylim(0, 1.15 * high)
    axes.set_yticks([low, high], [style.number(low), style.number(high)])
