"""Figures over a plane of two inputs: the data, the decision boundary, the output."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from minidl.report.figures import legends, regions, style
from minidl.report.figures.ticks import few_if_long
from minidl.report.members.decision import class_of
from minidl.report.members.run_view import RunView

_SIZE = (6.1, 4.9)
_MOST_PANELS = 9


def data(run: RunView) -> Figure | None:
    """The training points by class, over the true regions where the task knows them."""
    inputs, target, _ = run.part("train")
    if not run.classification:
        return _regression_data(run, inputs, target)
    figure, (axes,) = style.new_figure("Data", f"{_who(run)}{len(inputs):,} training points", _SIZE)
    if (true := run.predictions.get("grid_target")) is not None:
        shares = np.eye(int(true.max()) + 1, dtype=np.float32)[true]
        regions.paint(axes, run, regions.fine_classes(shares, {"kind": "argmax"}))
    _frame(axes, run)
    _points(axes, inputs, target, _area(inputs))
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
    regions.draw(axes, run)
    _frame(axes, run)
    seen, seen_target, _ = run.part("train")
    _points(axes, seen, seen_target, _area(seen) / 3, faint=True)
    _points(axes, inputs, target, _area(inputs))
    _rings(axes, inputs[wrong], _area(inputs))
    _class_legend(axes, run, wrong=int(wrong.sum()))
    return figure


def output(run: RunView) -> Figure | None:
    """What the network puts out over the plane: a panel per output."""
    grid = run.predictions["grid_output"]
    if not np.isfinite(grid).all():
        return None
    shown = run.probabilities(grid)
    what, values = ("probability", shown) if shown is not None else ("output", grid)
    if grid.shape[-1] == 1:
        values = values[..., -1:]  # the probability of class 1 says that of class 0
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
        if run.classification:
            _mark(panel, index)
        place: dict[str, Any] = {"x": 0.12, "ha": "left"} if run.classification else {}
        panel.set_title(style.literal(names(index), 20), size=9, color=style.INK, **place)
        _frame(panel, run, few=True)
        panel.label_outer()
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
        _ends(axes[0], run)
        regions.draw_lines(axes[0], run, run.predictions["grid_output"])
    else:
        image = _heat(axes[0], run, values, float(values.min()), float(values.max()))
    _frame(axes[0], run)
    _bar(figure, image, axes, what if run.classification else run.target(0))
    return figure


def _mark(panel: Axes, index: int) -> None:
    """The class's mark in the other figures of the plane, before its name."""
    colour = style.class_colour(index)
    panel.plot(
        [0.04], [1.06], transform=panel.transAxes, clip_on=False, color=colour, linestyle="",
        marker=style.class_marker(index), markersize=6, markeredgewidth=0,
    )  # fmt: skip


def _ends(axes: Axes, run: RunView) -> None:
    """Which class either end of the colour bar means."""
    for index, (at, va) in enumerate(((-0.02, "top"), (1.02, "bottom"))):
        axes.text(
            1.055, at, style.wrapped(run.class_name(index), 16), transform=axes.transAxes,
            ha="left", va=va, size=9, color=style.INK,
        )  # fmt: skip


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


def _heat(
    axes: Axes, run: RunView, values: np.ndarray, low: float, high: float, colours: Any = None
) -> Any:
    return axes.imshow(
        values, extent=regions.extent(run), origin="lower", aspect="auto", interpolation="bilinear",
        vmin=low, vmax=high if high > low else low + 1, cmap=colours or style.SEQUENTIAL,
    )  # fmt: skip


def _frame(axes: Axes, run: RunView, few: bool = False) -> None:
    """Equal units where the two inputs have about the same range, no grid over the regions."""
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(True)
    if "grid_x" in run.predictions and run.predictions["grid_output"].ndim == 3:
        left, right, bottom, top = regions.extent(run)
        axes.set_xlim(left, right)
        axes.set_ylim(bottom, top)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    if 0.5 <= (right - left) / (top - bottom) <= 2:
        axes.set_aspect("equal")
    else:
        axes.set_box_aspect(1)
    axes.set_anchor("W")  # the same place in every figure of the plane
    axes.locator_params(nbins=2 if few else 6, steps=[1, 2, 2.5, 5, 10])
    few_if_long(axes.xaxis)
    style.label(axes, run.feature(0), run.feature(1), width=16 if few else 40)


def _area(inputs: np.ndarray) -> float:
    """A point's area: fewer points are larger."""
    return float(np.clip(20_000 / max(len(inputs), 1), 9, 34))


def _points(
    axes: Axes, inputs: np.ndarray, target: np.ndarray, size: float, faint: bool = False
) -> None:
    """Each class's points in its colour and shape; all of one shape at once."""
    shapes: dict[str, list[int]] = {}
    for index in np.unique(target).tolist():
        shapes.setdefault(style.class_marker(index), []).append(index)
    for marker, classes in shapes.items():
        chosen = np.isin(target, classes)
        axes.scatter(
            inputs[chosen, 0],
            inputs[chosen, 1],
            s=size * style.marker_area(classes[0]),
            marker=marker,
            c=[style.class_colour(index) for index in target[chosen]],
            alpha=0.55 if faint else 1.0,
            edgecolors="none" if faint else "white",
            linewidths=0 if faint else 0.5,
            zorder=3 if faint else 4,
        )


def _rings(axes: Axes, inputs: np.ndarray, size: float) -> None:
    """Rings around points of an area; finer where they are many, lest they hide the points."""
    fine = min(1.0, (300 / max(len(inputs), 1)) ** 0.5)
    axes.scatter(
        inputs[:, 0],
        inputs[:, 1],
        s=2.4 * size + 20 * fine,
        marker="o",
        facecolors="none",
        edgecolors=style.INK,
        linewidths=1.2 * fine,
        zorder=5,
    )


def key(colour: Any, marker: str, size: float, **options: Any) -> Line2D:
    """What a legend shows of points."""
    look = {"color": colour, "marker": marker, "markersize": size, "markeredgewidth": 0}
    return Line2D([], [], linestyle="", **{**look, **options})


def class_words(run: RunView) -> list[str]:
    """The classes' names for a legend."""
    lines = 3 if run.classes <= 12 else 1
    return [style.wrapped(run.class_name(index), 16, lines) for index in range(run.classes)]


def _class_legend(axes: Axes, run: RunView, wrong: int | None = None) -> None:
    """The classes, and in the decision boundary what the sizes and rings say; beside the axes."""

    handles = [
        key(style.class_colour(index), style.class_marker(index), 6) for index in range(run.classes)
    ]
    labels = class_words(run)
    if wrong is not None:
        ring = {"markerfacecolor": "none", "markeredgecolor": style.INK, "markeredgewidth": 1.2}
        handles += [key(style.QUIET, "o", 2.6), key(style.QUIET, "o", 5)]
        handles += [key(style.INK, "o", 8, **ring)]
        labels += ["train", "test", f"wrong on test ({wrong:,})"]
    last = 0 if wrong is None else 3
    legends.beside(axes, handles, labels, last, handletextpad=0.4, labelspacing=0.6)


def _bar(figure: Figure, image: Any, axes: list[Axes], words: str) -> None:
    """The colour bar: as high as the one axes, or beside all of them."""
    if len(axes) == 1:
        bar = figure.colorbar(image, cax=axes[0].inset_axes((1.04, 0, 0.035, 1)))
    else:
        bar = figure.colorbar(image, ax=axes, shrink=0.9, aspect=28, pad=0.02)
    style.dress_bar(bar, words)
