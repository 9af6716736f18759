"""The regions of a plane of two inputs in which a network decides for each class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from minidl.report.figures import style
from minidl.report.members.decision import class_of, margins
from minidl.report.members.run_view import RunView

_FINE = 4  # the grid's cells are cut this often each way, so that regions have smooth edges
_MOST_CONTOURS = 20


def extent(run: RunView) -> tuple[float, float, float, float]:
    x, y = run.predictions["grid_x"], run.predictions["grid_y"]
    return float(x[0]), float(x[-1]), float(y[0]), float(y[-1])


def fine_classes(output: np.ndarray, decision: Mapping[str, Any]) -> np.ndarray:
    """The classes (H, W) of outputs over a grid, with points between the grid's own.

    Row by row: finer outputs of a thousand classes take gigabytes.
    """
    last = len(output) - 1
    strips = [
        class_of(finer(output[row : row + 2]), decision)[: None if row + 1 == last else -1]
        for row in range(last)
    ]
    return np.concatenate(strips) if strips else class_of(finer(output), decision)


def finer(values: np.ndarray) -> np.ndarray:
    """The grid (H, W, O) with points between its own, by straight lines in both directions."""
    for axis in (0, 1):
        old = np.arange(values.shape[axis])
        new = np.linspace(0, old[-1], old[-1] * _FINE + 1)
        below = np.minimum(new.astype(int), max(old[-1] - 1, 0))
        above = np.minimum(below + 1, old[-1])
        weight = (new - below).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        weight = weight.astype(np.result_type(values, np.float32))
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


def draw(axes: Axes, run: RunView) -> None:
    """The network's classes over the plane, and lines between them."""
    grid = run.predictions["grid_output"]
    classes = fine_classes(grid, run.decision)
    paint(axes, run, classes)
    if grid.shape[-1] > _MOST_CONTOURS:
        _edges(axes, run, classes)
    else:
        draw_lines(axes, run, grid)


def _edges(axes: Axes, run: RunView, classes: np.ndarray) -> None:
    """Lines between regions (H, W), as wide as a cell: a contour for each of many takes seconds."""
    across, down = np.diff(classes, axis=1) != 0, np.diff(classes, axis=0) != 0
    pixels = np.zeros((*classes.shape, 4))
    pixels[..., :3] = to_rgb(style.INK)
    pixels[..., 3] = np.pad(across, ((0, 0), (0, 1))) | np.pad(down, ((0, 1), (0, 0)))
    axes.imshow(
        pixels, extent=extent(run), origin="lower", aspect="auto", zorder=1,
        interpolation="nearest",
    )  # fmt: skip


def draw_lines(axes: Axes, run: RunView, grid: np.ndarray) -> None:
    """A line wherever two classes are equally far ahead."""
    ahead = margins(grid, run.decision)
    x, y = run.predictions["grid_x"], run.predictions["grid_y"]
    ahead = ahead[..., 1:] if ahead.shape[-1] == 2 else ahead
    for index in range(ahead.shape[-1]):
        if (ahead[..., index] > 0).any() and (ahead[..., index] < 0).any():
            axes.contour(x, y, ahead[..., index], [0.0], colors=style.INK, linewidths=0.9)
