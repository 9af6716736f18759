"""Figures over a plane of two inputs: the data, the decision boundary, the output."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from minidl.report import style
from minidl.report.decision import class_of, margins, probabilities
from minidl.report.run_view import RunView

_SIZE = (6.1, 4.9)
_FINE = 4  # the grid's cells are cut this often each way, so that regions have smooth edges
_MOST_PANELS = 9


def data(run: RunView) -> Figure | None:
    """The training points by class, over the true regions where the task knows them."""
    inputs, target, _ = run.part("train")
    if not run.classification:
        return _regression_data(run, inputs, target)
    figure, (axes,) = style.new_figure("Data", f"{_who(run)}{len(inputs):,} training points", _SIZE)
    if (true := run.predictions.get("grid_target")) is not None:
        paint(axes, run, finer(np.eye(int(true.max()) + 1)[true]).argmax(axis=-1))
    _frame(axes, run)
    for index in range(run.classes):
        _points(axes, inputs[target == index], index, _area(inputs))
    _class_legend(axes, run)
    return figure


def decision_boundary(run: RunView) -> Figure | None:
    """The network's regions; training and test points, and a ring where it is wrong on test."""
    grid = run.predictions["grid_output"]
    if not run.classification or not np.isfinite(grid).all():
        return None
    inputs, target, output = run.part("test")
    wrong = class_of(output, run.decision) != target
    share = style.percent(1 - float(wrong.mean())) if len(wrong) else "–"
    figure, (axes,) = style.new_figure(
        "Decision boundary", f"{_who(run)}{share} of {len(target):,} test points right", _SIZE
    )
    fine = finer(grid)
    paint(axes, run, class_of(fine, run.decision))
    draw_boundaries(axes, run, grid)
    _frame(axes, run)
    seen, seen_target, _ = run.part("train")
    for index in range(run.classes):
        _points(axes, seen[seen_target == index], index, _area(seen) / 3, faint=True)
    for index in range(run.classes):
        _points(axes, inputs[target == index], index, _area(inputs))
    _rings(axes, inputs[wrong], 2.4 * _area(inputs) + 20)
    _class_legend(axes, run, wrong=int(wrong.sum()))
    return figure


def output(run: RunView) -> Figure | None:
    """What the network puts out over the plane: a panel per output."""
    grid = run.predictions["grid_output"]
    if not np.isfinite(grid).all():
        return None
    # A network trained with mse may stay within 0 and 1 without meaning probabilities.
    could_be = run.classification and run.loss != "mse"
    shown = probabilities(grid, run.decision) if could_be else None
    what, values = ("probability", shown) if shown is not None else ("output", grid)
    outputs, kind = values.shape[-1], "class" if run.classification else "target"
    panels = min(outputs, _MOST_PANELS)
    if panels == 1:
        return _one_output(run, values[..., 0], what)
    columns = 2 if panels in (2, 4) else 3
    rows = -(-panels // columns)
    figure, axes = style.new_figure(
        f"Predicted {what}",
        f"{_who(run)}one panel per {kind}"
        + (f" ({panels} of {outputs})" if panels < outputs else ""),
        size=(6.4, 1.0 + rows * (2.6 if columns == 2 else 1.85)),
        shape=(rows, columns),
        sharex=True,
        sharey=True,
    )
    low, high = (0.0, 1.0) if shown is not None else (float(values.min()), float(values.max()))
    names = run.class_name if run.classification else run.target
    for index, panel in enumerate(axes):
        if index >= panels:
            panel.set_axis_off()
            continue
        image = _heat(panel, run, values[..., index], low, high)
        panel.set_title(style.literal(names(index), 24), size=9, color=style.INK)
        _frame(panel, run, names=False)
    _bar(figure, image, axes, what)
    return figure


def _one_output(run: RunView, values: np.ndarray, what: str) -> Figure:
    words = f"Predicted {what}"
    if run.classification and what == "probability":
        words += f" of “{style.literal(run.class_name(1), 24)}”"
    figure, axes = style.new_figure(words, _who(run).removesuffix("  ·  "), _SIZE)
    at = 0.5 if what == "probability" else run.decision.get("at")
    if run.classification and at is not None:
        reach = 0.5 if what == "probability" else max(0.5, float(np.abs(values - at).max()))
        image = _heat(axes[0], run, values, at - reach, at + reach, style.TWO_CLASSES)
        draw_boundaries(axes[0], run, run.predictions["grid_output"])
    else:
        image = _heat(axes[0], run, values, float(values.min()), float(values.max()))
    _frame(axes[0], run)
    _bar(figure, image, axes, what if run.classification else run.target(0))
    return figure


def _regression_data(run: RunView, inputs: np.ndarray, target: np.ndarray) -> Figure:
    figure, axes = style.new_figure("Data", f"{_who(run)}{len(inputs):,} training points", _SIZE)
    values = target.reshape(len(target), -1)[:, 0]
    image = axes[0].scatter(
        inputs[:, 0],
        inputs[:, 1],
        c=values,
        s=20,
        cmap=style.SEQUENTIAL,
        edgecolors=style.QUIET,
        linewidths=0.4,
    )
    _frame(axes[0], run)
    _bar(figure, image, axes, run.target(0))
    return figure


def _who(run: RunView) -> str:
    return f"{style.literal(run.name, style.LONGEST)}  ·  "


def extent(run: RunView) -> tuple[float, float, float, float]:
    x, y = run.predictions["grid_x"], run.predictions["grid_y"]
    return float(x[0]), float(x[-1]), float(y[0]), float(y[-1])


def finer(values: np.ndarray) -> np.ndarray:
    """The grid (H, W, O) with points between its own, by straight lines in both directions."""
    for axis in (0, 1):
        old = np.arange(values.shape[axis])
        new = np.linspace(0, old[-1], old[-1] * _FINE + 1)
        below = np.minimum(new.astype(int), max(old[-1] - 1, 0))
        above = np.minimum(below + 1, old[-1])
        weight = (new - below).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        low, high = np.take(values, below, axis), np.take(values, above, axis)
        values = low + weight * (high - low)
    return values


def paint(axes: Axes, run: RunView, classes: np.ndarray) -> None:
    """Each class's region (H, W) in its colour, light enough for points to stand out."""
    most = max(run.classes, int(classes.max()) + 1)
    colours = np.array([style.tint(style.class_colour(index)) for index in range(most)])
    axes.imshow(
        colours[classes], extent=extent(run), origin="lower", aspect="auto", zorder=0,
        interpolation="nearest",
    )  # fmt: skip


def draw_boundaries(axes: Axes, run: RunView, grid: np.ndarray) -> None:
    ahead = margins(grid, run.decision)
    x, y = run.predictions["grid_x"], run.predictions["grid_y"]
    ahead = ahead[..., 1:] if ahead.shape[-1] == 2 else ahead
    for index in range(ahead.shape[-1]):
        if (ahead[..., index] > 0).any() and (ahead[..., index] < 0).any():
            axes.contour(x, y, ahead[..., index], [0.0], colors=style.INK, linewidths=0.9)


def _heat(
    axes: Axes, run: RunView, values: np.ndarray, low: float, high: float, colours: Any = None
) -> Any:
    return axes.imshow(
        values, extent=extent(run), origin="lower", aspect="auto", interpolation="bilinear",
        vmin=low, vmax=high if high > low else low + 1, cmap=colours or style.SEQUENTIAL,
    )  # fmt: skip


def _frame(axes: Axes, run: RunView, names: bool = True) -> None:
    """Equal units where the two inputs have about the same range, no grid over the regions."""
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(True)
    if "grid_x" in run.predictions and run.predictions["grid_output"].ndim == 3:
        left, right, bottom, top = extent(run)
        axes.set_xlim(left, right)
        axes.set_ylim(bottom, top)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    if 0.5 <= (right - left) / (top - bottom) <= 2:
        axes.set_aspect("equal")
    else:
        axes.set_box_aspect(1)
    axes.set_anchor("W")  # the same place in every figure of the plane
    axes.locator_params(nbins=6 if names else 2, steps=[1, 2, 2.5, 5, 10])
    if names:
        style.label(axes, run.feature(0), run.feature(1))


def _area(inputs: np.ndarray) -> float:
    """A point's area: fewer points are larger."""
    return float(np.clip(20_000 / max(len(inputs), 1), 9, 34))


def _points(axes: Axes, inputs: np.ndarray, index: int, size: float, faint: bool = False) -> None:
    axes.scatter(
        inputs[:, 0],
        inputs[:, 1],
        s=size * style.marker_area(index),
        marker=style.class_marker(index),
        color=style.class_colour(index),
        alpha=0.55 if faint else 1.0,
        edgecolors="none" if faint else "white",
        linewidths=0 if faint else 0.5,
        zorder=3 if faint else 4,
    )


def _rings(axes: Axes, inputs: np.ndarray, size: float) -> None:
    axes.scatter(
        inputs[:, 0],
        inputs[:, 1],
        s=size,
        marker="o",
        facecolors="none",
        edgecolors=style.INK,
        linewidths=1.2,
        zorder=5,
    )


def _class_legend(axes: Axes, run: RunView, wrong: int | None = None) -> None:
    """The classes, and in the decision boundary what the sizes and rings say; beside the axes."""

    def mark(index: int, **options: Any) -> Line2D:
        colour = style.class_colour(index)
        shape = {"marker": style.class_marker(index), "color": colour, "markersize": 6}
        return Line2D([], [], linestyle="", **{**shape, "markeredgewidth": 0, **options})

    handles = [mark(index) for index in range(run.classes)]
    labels = [style.wrapped(run.class_name(index), 16) for index in range(run.classes)]
    if wrong is not None:
        quiet = {"color": style.QUIET, "marker": "o"}
        ring = {"markerfacecolor": "none", "markeredgecolor": style.INK, "markeredgewidth": 1.2}
        handles += [mark(0, **quiet, markersize=2.6), mark(0, **quiet, markersize=5)]
        handles += [mark(0, marker="o", markersize=8, **ring)]
        labels += ["train", "test", f"wrong on test ({wrong:,})"]
    style.legend(axes, handles, labels, handletextpad=0.4, labelspacing=0.6)


def _bar(figure: Figure, image: Any, axes: list[Axes], words: str) -> None:
    """The colour bar: as high as the one axes, or beside all of them."""
    if len(axes) == 1:
        bar = figure.colorbar(image, cax=axes[0].inset_axes((1.04, 0, 0.035, 1)))
    else:
        bar = figure.colorbar(image, ax=axes, shrink=0.9, aspect=28, pad=0.02)
    style.dress_bar(bar, words)
