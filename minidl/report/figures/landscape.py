"""The loss over a plane of weights as a map, with the paths of runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from minidl.report.figures import legends, style

_LEVELS = 24
MOST_NAMED = 12  # paths in the legend
# Stand out from the map's blues.
_COLOURS = (style.VERMILLION, style.ORANGE, style.GREEN, style.PURPLE, style.YELLOW, style.INK)


def draw_landscape(
    below: str,
    x: np.ndarray,
    y: np.ndarray,
    loss: np.ndarray,
    paths: Sequence[tuple[str, np.ndarray]],
) -> Figure:
    """loss (Y, X) at x (X,) and y (Y,), by decades; paths: names, and places (E, 2)."""
    figure, (axes,) = style.new_figure("Training loss around the path", below, (6.4, 5.0))
    known = loss[np.isfinite(loss) & (loss > 0)]
    low, high = (float(known.min()), float(known.max())) if known.size else (1.0, 10.0)
    high = max(high, 1.01 * low)
    shown = np.ma.masked_invalid(np.clip(loss, low, None))
    levels = np.geomspace(low, high, _LEVELS)
    norm = LogNorm(low, high)
    filled = axes.contourf(x, y, shown, levels, norm=norm, cmap=style.SEQUENTIAL, extend="both")
    axes.contour(x, y, shown, levels[::2], colors="white", linewidths=0.5)
    axes.grid(False)
    handles = []
    for index, (_, places) in enumerate(paths):
        colour = _COLOURS[index % len(_COLOURS)]
        (line,) = axes.plot(*places.T, color=colour, linewidth=1.6)
        axes.plot(*places[0], marker="o", markersize=6, color="white", markeredgecolor=colour)
        axes.plot(*places[-1], marker="X", markersize=8, color=colour, markeredgecolor="white")
        handles.append(line)
    bar = figure.colorbar(filled, ax=axes, pad=0.02)
    style.dress_bar(bar, "training loss")
    ticks = np.geomspace(low, high, 5).tolist()
    bar.set_ticks(ticks, labels=[style.number(tick) for tick in ticks])
    style.label(axes, "first direction", "second direction")
    if len(paths) > 1:
        names = [style.wrapped(name, 24) for name, _ in paths]
        legends.at_head(figure, handles[:MOST_NAMED], names[:MOST_NAMED])
    return figure
