"""Regression: the fitted curve over one input, predictions against the truth over several."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from minidl.report.figures import legends, style
from minidl.report.figures.ticks import few_if_long
from minidl.report.members.run_view import RunView

_MOST_PANELS = 6


def fit(run: RunView) -> Figure | None:
    """The points of each part and the network's curve, a panel per target."""
    x, curve = run.predictions["grid_x"], run.predictions["grid_output"]
    curve = curve.reshape(len(x), -1)
    parts = {part: run.part(part) for part in run.parts}
    figure, axes, panels = _panels(run, "Fit", curve.shape[1], (6.4, 4.4))
    for index, panel in enumerate(axes[:panels]):
        handles: list[Line2D] = [
            scatter(panel, part, inputs[:, 0], column(target, index))
            for part, (inputs, target, _) in parts.items()
        ]
        known = np.isfinite(curve[:, index])
        handles += panel.plot(x[known], curve[known, index], color=style.INK, lw=2, zorder=4)
        labels = [*(f"{part} ({len(parts[part][1]):,})" for part in parts), "network"]
        panel.set_xlim(float(x[0]), float(x[-1]))
        few_if_long(panel.xaxis)
        style.label(panel, run.feature(0), run.target(index))
        if index == 0:
            legends.at_head(figure, handles, labels)
    return figure


def predicted_vs_true(run: RunView) -> Figure | None:
    """Predicted over true values; a perfect network's points lie on the line."""
    parts = {part: run.part(part) for part in run.parts}
    outputs = parts["test"][2].shape[1]
    figure, axes, panels = _panels(run, "Predicted against true", outputs, (5.6, 5.4))
    for index, panel in enumerate(axes[:panels]):
        handles, seen = [], []
        for part, (_, target, output) in parts.items():
            true, predicted = column(target, index), output[:, index]
            known = np.isfinite(predicted) & np.isfinite(true)
            handles.append(scatter(panel, part, true[known], predicted[known]))
            seen += [true[known], predicted[known]]
        values = np.concatenate(seen)
        if not values.size:
            return None
        low, high = float(values.min()), float(values.max())
        room = 0.04 * (high - low) or 1.0
        ends = (low - room, high + room)
        handles += panel.plot(ends, ends, color=style.INK, lw=1, ls=(0, (4, 3)), zorder=2)
        panel.set(xlim=ends, ylim=ends, aspect="equal", anchor="W")
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_locator(
                MaxNLocator(nbins=6 if panels == 1 else 4, steps=[1, 2, 2.5, 5, 10])
            )
        if panels > 1:
            panel.set_title(style.literal(run.target(index), 24), size=9, color=style.INK)
            style.label(panel, "true", "predicted")
        else:
            style.label(panel, f"true {run.target(index)}", f"predicted {run.target(index)}")
        few_if_long(panel.xaxis)
        if index == 0:
            labels = [*(f"{part} ({len(parts[part][1]):,})" for part in parts), "equal"]
            legends.at_head(figure, handles, labels)
    return figure


def _panels(
    run: RunView, title: str, wanted: int, size: tuple[float, float]
) -> tuple[Figure, list[Axes], int]:
    """One large panel, or a row or grid of smaller ones; and how many of them are used."""
    panels = min(wanted, _MOST_PANELS)
    columns = 1 if panels == 1 else 2 if panels in (2, 4) else 3
    rows = -(-panels // columns)
    if panels > 1:
        size = (3.2 * columns, 0.8 + 3.2 * rows)  # square panels need this for their labels
    figure, axes = style.new_figure(title, _summary(run), size, (rows, columns))
    for unused in axes[panels:]:
        unused.set_axis_off()
    return figure, axes, panels


def _summary(run: RunView) -> str:
    words = [style.literal(run.name, style.LONGEST)]
    score = run.final("test_r2")
    if np.isfinite(score):
        words.append(f"R² on test {style.number(score)}")
    return "  ·  ".join(words)


def column(target: np.ndarray, index: int) -> np.ndarray:
    """That of one target, (N,) of (N, targets) or (N,)."""
    return np.asarray(target.reshape(len(target), -1)[:, index])


def scatter(axes: Axes, part: str, x: np.ndarray, y: np.ndarray) -> Line2D:
    """Points, small and faint where they are many; returns what a legend shows of them."""
    train = part == "train"
    colour, marker = style.PARTS[part]
    many = min(1.0, (500 / max(len(x), 1)) ** 0.5)
    axes.scatter(
        x,
        y,
        s=max(16 * many, 3),
        alpha=max(0.5 if train else 0.75 * many, 0.3),
        edgecolors="none",
        zorder=2.5 if train else 3,
        color=colour,
        marker=marker,
    )
    return Line2D(
        [], [], linestyle="", color=colour, marker=marker, markersize=4, markeredgewidth=0
    )
