"""The confusion matrix: what was predicted for the test points of each class."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from minidl.report.figures import style
from minidl.report.members.decision import class_of, counts
from minidl.report.members.run_view import RunView

_MOST_WITH_SHARES = 12  # more classes leave room for the count alone in a cell
_MOST_WITH_COUNTS = 30
_MOST_LABELS = 45
_MOST_WITH_LINES = 100


def confusion_matrix(run: RunView) -> Figure | None:
    _, target, output = run.part("test")
    if not len(target):
        return None
    predicted = class_of(output, run.decision)
    classes = max(run.classes, int(predicted.max()) + 1)
    table = counts(target, predicted, classes)
    right, total = int(np.trace(table)), int(table.sum())
    side = min(4.2 + 0.26 * max(classes - 6, 0), 8.2)  # inches, of the matrix alone
    names = _names(run, classes)
    longest = max(map(len, names)) if classes <= _MOST_LABELS else 0
    figure, (axes,) = style.new_figure(
        "Confusion matrix",
        f"{style.literal(run.name, style.LONGEST)}  ·  {right:,} of {total:,} test points right "
        f"({style.percent(right / total)})",
        size=(side + 1.6 + 0.085 * longest, side + 1.2 + 0.06 * longest * _slanted(names)),
    )
    # A class without test points has an empty row: no share rather than a division by zero.
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    # The square root shows the few that are wrong; a share of 3 % would else look like none.
    shade = PowerNorm(0.5, vmin=0, vmax=1)
    image = axes.imshow(shares, cmap=style.SEQUENTIAL, norm=shade, aspect="equal")
    if classes <= _MOST_WITH_COUNTS:
        _write(axes, table, shares)
    _name(axes, names)
    bar = figure.colorbar(image, cax=axes.inset_axes((1.03, 0, 0.03, 1)))
    style.dress_bar(bar, "share of the true class")
    bar.set_ticks([0, 0.05, 0.2, 0.5, 1], labels=["0", "5 %", "20 %", "50 %", "100 %"])
    return figure


def _write(axes: Axes, table: np.ndarray, shares: np.ndarray) -> None:
    """The counts, with the row's share below while there is room; zeros stay blank."""
    with_shares = len(table) <= _MOST_WITH_SHARES
    size = 10 if len(table) <= 6 else 8 if len(table) <= _MOST_WITH_SHARES else 7
    for (row, column), count in np.ndenumerate(table):
        if count == 0:
            continue
        share = float(shares[row, column])
        at: dict[str, Any] = {"ha": "center", "color": "white" if share > 0.3 else style.INK}
        if with_shares:
            axes.text(column, row, f"{count:,}", size=size, va="bottom", weight="bold", **at)
            axes.text(
                column, row + 0.04, style.percent(share), size=max(size - 2.5, 6), va="top", **at
            )
        else:
            axes.text(column, row, f"{count:,}", va="center", size=size, **at)


def _names(run: RunView, classes: int) -> list[str]:
    return [style.literal(run.class_name(index), 20) for index in range(classes)]


def _slanted(names: list[str]) -> bool:
    """Whether the names below the matrix would run into each other if they lay flat."""
    return max(map(len, names)) > max(2, 48 // len(names))


def _name(axes: Axes, names: list[str]) -> None:
    classes = len(names)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if classes > _MOST_LABELS:
        axes.xaxis.set_major_locator(NullLocator())
        axes.yaxis.set_major_locator(NullLocator())
    else:
        size = 9 if classes <= 14 else 7
        axes.set_xticks(range(classes), names, size=size)
        axes.set_yticks(range(classes), names, size=size)
        if _slanted(names):
            for text in axes.get_xticklabels():
                text.set(rotation=40, ha="right", rotation_mode="anchor")
    if classes <= _MOST_WITH_LINES:  # thin ones between the cells
        axes.set_xticks(np.arange(classes - 1) + 0.5, minor=True)
        axes.set_yticks(np.arange(classes - 1) + 0.5, minor=True)
        axes.grid(which="minor", color=style.GRID, linewidth=0.8)
    axes.tick_params(which="both", length=0)
    style.label(axes, "predicted class", "true class")
