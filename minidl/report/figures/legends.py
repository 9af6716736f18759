"""Legends: beside the axes or at the figure's head, never over what is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

from minidl.report.figures import style

_GAP = 0.2  # inches between the title and a legend at its right
_ROW = 0.22  # inches that a legend below the subtitle takes
_MOST_COLUMNS = 4
_LOOK: dict[str, Any] = {"fontsize": 9, "labelcolor": style.INK, "frameon": False}


def beside(
    axes: Axes, handles: Sequence[Any], labels: Sequence[str], last: int = 0, **look: Any
) -> Legend:
    """A legend of the given labels (already literal) beside the axes.

    It is never taller than the figure: it takes more columns, and of what is too much even for
    these it says how many are left out, but for the `last` entries.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    room = (figure.get_figheight() - style.HEAD - 0.2) * style.DPI
    most = 20 * _MOST_COLUMNS  # no more fit, however high a figure is in the end
    shown = _shortened(handles, labels, most, last)
    made = _made(axes, *shown, **look)
    tall = style.extent(made).height
    if tall <= room and len(handles) <= most:
        return made
    rows = max(int(len(shown[0]) * room / tall), 1)
    shown = _shortened(handles, labels, rows * _MOST_COLUMNS, last)
    made = _made(axes, *shown, ncols=math.ceil(len(shown[0]) / rows), **look)
    made.set_in_layout(False)  # the axes stay as they are, and the paper gets wider
    return made


def _shortened(
    handles: Sequence[Any], labels: Sequence[str], most: int, last: int
) -> tuple[list[Any], list[str]]:
    """At most so many entries, the `last` ones among them, and how many others there are."""
    if len(handles) <= most:
        return list(handles), list(labels)
    first, end = max(most - last - 1, 0), len(handles) - last
    said = f"and {end - first:,} more"
    return (
        [*handles[:first], Line2D([], [], linestyle=""), *handles[end:]],
        [*labels[:first], said, *labels[end:]],
    )


def _made(axes: Axes, handles: Sequence[Any], labels: Sequence[str], **look: Any) -> Legend:
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
    made = axes.legend(handles, ["x"] * len(handles), **{**_LOOK, **place, **look})
    return _fill(made, labels)


def named(axes: Axes, title: object, handles: Sequence[Any], labels: Sequence[str]) -> Legend:
    """A legend beside the axes, with the name of what it tells apart above it."""
    made = beside(axes, handles, labels, title=style.literal(title, 22), alignment="left")
    made.get_title().set(fontsize=9, color=style.QUIET)
    return made


def at_head(figure: Figure, handles: Sequence[Any], labels: Sequence[str]) -> Legend:
    """A legend in one line at the right of the title, where no curve can run under it.

    Where the title leaves no room it stands below the subtitle.
    """
    width, height = figure.get_size_inches()
    made = figure.legend(
        handles,
        ["x"] * len(handles),
        loc="upper right",
        bbox_to_anchor=(1 - style.MARGIN / width, 1 - 0.13 / height),
        ncols=len(handles),
        columnspacing=1.4,
        handlelength=1.6,
        borderpad=0,
        borderaxespad=0,
        **_LOOK,
    )
    made.set_in_layout(False)
    _fill(made, labels)
    title, subtitle = figure.texts[:2]
    if style.extent(made).x0 < style.extent(title).x1 + _GAP * style.DPI:
        style.grow(figure, _ROW)
        below = style.extent(subtitle).y0 / style.DPI - 0.08
        made.set_loc("upper left")
        made.set_bbox_to_anchor((style.MARGIN / width, below / figure.get_figheight()))
    return made


def _fill(made: Legend, labels: Sequence[str]) -> Legend:
    # matplotlib leaves labels with a leading underscore out, so the words are put in afterwards.
    for entry, words in zip(made.get_texts(), labels, strict=True):
        entry.set_text(words)
    return made
