"""Lines with bands in one panel, and the legend beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from minidl.report.figures import legends, style
from minidl.report.figures.axes import HUGE, epoch_axis
from minidl.report.figures.picture import ACROSS, Look, falls, metric_axis
from minidl.report.members.series import Series

LOST = (0, (1, 1.5))  # the dots of what diverged
MARKED = 25  # epochs of which each has its marker
TOWERS, CUT = 10, 100  # times as high: drawn by decades, and cut off at the axes' top


@dataclass(frozen=True)
class Line:
    """A group's curve: it looks like its value in every panel."""

    label: str
    look: Look
    series: Series


def draw(axes: Axes, metric: str, lines: Sequence[Line], kind: str, among: Sequence[Line]) -> None:
    """Lines over their bands; the axes fit the finished ones `among` all that shall compare."""
    _limit(axes, metric, [line.series for line in among], kind)
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        lines = [replace(line, series=line.series.positive()) for line in lines]
    for index, line in enumerate(lines):
        made, colour = line.series, line.look.colour
        axes.plot(
            made.epochs,
            made.mean,
            color=colour,
            linestyle=LOST if made.lost else line.look.dash,
            linewidth=1.5,
            marker=line.look.marker if made.epochs.size <= MARKED or len(among) > 1 else "",
            markersize=4,
            markevery=_marked(made.epochs.size, index),
            zorder=3,
        )
        if made.epochs.size == 1:
            axes.errorbar(
                made.epochs, made.mean, [made.mean - made.low, made.high - made.mean],
                color=colour, linewidth=1.4, capsize=3, zorder=2,
            )  # fmt: skip
        elif np.any(made.high > made.low):
            axes.fill_between(
                made.epochs, made.low, made.high, color=colour, alpha=0.16, lw=0, zorder=2
            )
        if made.lost and made.epochs.size:
            axes.plot(made.epochs[-1], made.mean[-1], "x", color=colour, zorder=4)
    axes.set_ylim(low, high)
    epochs = np.concatenate([np.empty(0), *(line.series.epochs for line in among)])
    if epochs.size:
        epoch_axis(axes, np.unique(epochs))


def _marked(epochs: int, index: int) -> tuple[int, int]:
    """Which epochs are marked: of many a few, elsewhere for each line."""
    step = max(epochs // 8, 1) if epochs > MARKED else 1
    return index * step // 3 % step, step


def _limit(axes: Axes, metric: str, among: Sequence[Series], kind: str) -> None:
    """A scale, and limits with room for the bands: no accuracy above 1, no loss below 0.

    A loss that towers over half of the others must not press them flat.
    """
    whole = [made for made in among if not made.lost] or among
    tops = sorted(float(made.mean.max()) for made in whole if made.epochs.size)
    if not tops:
        return
    usual = tops[(len(tops) - 1) // 2]
    towers = falls(metric) and usual > 0 and tops[-1] > TOWERS * usual
    kind = "log" if towers and kind == "auto" else kind
    metric_axis(axes, metric, [made.mean for made in whole], kind)
    if axes.get_yscale() == "log":
        low, high = axes.get_ylim()
        axes.set_ylim(low, min(high, CUT * usual) if towers else high)
        return
    means = np.concatenate([made.mean for made in whole])
    ends = np.concatenate([means, *(made.low for made in whole), *(made.high for made in whole)])
    ends = np.clip(ends, -HUGE, HUGE)
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    room = 0.04 * (high - low) or 0.05 * abs(high) or 1.0
    if metric.endswith("r2"):
        low, high = max(low - room, -1.0), min(high + room, 1.02)
    elif metric.endswith("accuracy"):
        low, high = max(low - room, -0.01), min(high + room, 1.005)
    elif float(means.min()) >= 0:
        low, high = (0 if low < 0.3 * high else max(low - room, 0)), high + room
    else:
        low, high = low - room, high + room
    axes.set_ylim(low, high if high > low else low + 1)


def legend(axes: Axes, title: str, lines: Sequence[Line], rates: bool = False) -> None:
    """Beside an axes, one entry for the lines of one label; what was lost is said with it."""
    handles, labels = [], []
    for label, same in _by_label(lines).items():
        look = same[0].look
        dash = LOST if all(line.series.lost for line in same) else look.dash
        shape: dict[str, Any] = {"color": look.colour, "marker": look.marker, "markersize": 4.5}
        handles.append(Line2D([], [], linestyle=dash, linewidth=1.8, **shape))
        labels.append(style.wrapped(_said(label, same), ACROSS))
    if rates:
        dot = {"marker": "o", "markersize": 5, "markerfacecolor": "white"}
        handles.append(Line2D([], [], color=style.INK, linestyle="", **dot))  # type: ignore[arg-type]
        labels.append("rate changes")
    if handles:
        legends.named(axes, title, handles, labels)


def said_of(lines: Sequence[Line]) -> list[str]:
    """What the legend says of each."""
    return [_said(label, same) for label, same in _by_label(lines).items()]


def _said(label: str, same: Sequence[Line]) -> str:
    diverged = sum(line.series.diverged for line in same)
    if not diverged:
        return label
    lost = all(line.series.lost for line in same)
    return f"{label}: diverged" if lost else f"{label} ({diverged} diverged)"


def _by_label(lines: Sequence[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.label, []).append(line)
    return found


def listed(parts: Iterable[str]) -> str:
    """`Train loss and test loss`."""
    said = list(parts)
    text = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
    return text[:1].upper() + text[1:]
