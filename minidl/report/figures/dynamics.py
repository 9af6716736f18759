"""What went on in the layers: a heat map per quantity, layers by epochs."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import LogLocator, MaxNLocator

from minidl.report.figures import style
from minidl.report.members.run_view import RunView

# In the order of the panels; others are drawn after them, under their own names.
_WORDS = {
    "weight_norm": "norm of the weights",
    "update_ratio": "update by weight",
    "gradient_norm": "norm of the gradient",
    "gradient_noise": "noise of the gradient",
    "activation_mean": "mean activation",
    "activation_std": "deviation of activations",
    "dead": "dead units",
    "saturated": "saturated units",
}
_SHARES = ("dead", "saturated")
_BY_DECADES = ("weight_norm", "update_ratio", "gradient_norm", "gradient_noise")
_MOST_DECADES = 1e12  # a gradient that is smaller by more is as good as none
_MOST_NAMES = 16  # layers that are all named beside their row
_BLANK = "#F4F4F4"


def dynamics(run: RunView) -> Figure | None:
    """None where nothing was watched, or nothing came to a number."""
    epochs = run.dynamics.get("epoch", np.empty(0))
    found = {name: layers for name, layers in _by_quantity(run).items() if _known(layers).size}
    if not epochs.size or not found:
        return None
    columns = min(len(found), 2)
    rows = -(-len(found) // columns)
    tallest = max(map(len, found.values()))
    height = min(max(0.2 * tallest + 0.9, 1.7), 3.0)
    below = style.literal(run.name, style.LONGEST)
    below += f"  ·  diverged in epoch {epochs[-1]:.0f}" if run.status == "diverged" else ""
    figure, axes = style.new_figure(
        "What went on in the layers",
        below,
        size=(5.2 * columns + 0.6, height * rows + style.HEAD),
        shape=(rows, columns),
    )
    for place, (quantity, layers) in zip(axes, found.items(), strict=False):
        image = _panel(place, quantity, layers, epochs)
        bar = figure.colorbar(image, ax=place, aspect=12, pad=0.02)
        _dress_bar(bar, quantity)
    for place in axes[len(found) :]:
        place.set_axis_off()
    for place in axes[max(len(found) - columns, 0) : len(found)]:
        style.label(place, "epoch")
    return figure


def _by_quantity(run: RunView) -> dict[str, dict[str, np.ndarray]]:
    """The epochs of each layer by quantity."""
    found: dict[str, dict[str, np.ndarray]] = {name: {} for name in _WORDS}
    for column, values in run.dynamics.items():
        layer, _, quantity = column.rpartition(".")
        if layer:
            found.setdefault(quantity, {})[layer] = values
    return found


def _known(layers: dict[str, np.ndarray]) -> np.ndarray:
    values = np.array([*layers.values()])
    known: np.ndarray = values[np.isfinite(values)]
    return known


def _panel(
    axes: Axes, quantity: str, layers: dict[str, np.ndarray], epochs: np.ndarray
) -> AxesImage:
    values = np.array([*layers.values()])
    norm = _norm(quantity, _known(layers))
    if isinstance(norm, LogNorm):  # which would leave 0 out
        values = np.maximum(values, norm.vmin or 0.0)
    first, last = float(epochs[0]), float(epochs[-1])
    axes.set_facecolor(_BLANK)
    axes.grid(visible=False)
    image = axes.imshow(
        np.ma.masked_invalid(values),
        cmap=style.CELLS, norm=norm, aspect="auto", interpolation="nearest",
        extent=(first - 0.5, last + 0.5, len(layers) - 0.5, -0.5),
    )  # fmt: skip
    if first == last:
        axes.set_xticks([first])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))
    step = -(-len(layers) // _MOST_NAMES)
    places = range(0, len(layers), step)
    names = [style.literal(name, 18) for name in [*layers][::step]]
    axes.set_yticks(places, names, size=8 if len(names) <= 10 else 7)
    axes.set_title(_WORDS.get(quantity, style.literal(quantity)), size=10, color=style.INK)
    return image


def _norm(quantity: str, known: np.ndarray) -> Normalize:
    if quantity in _SHARES:
        return Normalize(0, 1)
    low, high = float(known.min()), float(known.max())
    positive = known[known > 0]
    if quantity in _BY_DECADES and positive.size:
        low = max(float(positive.min()), high / _MOST_DECADES)
        if high > 10 * low:
            return LogNorm(low, high)
        low = float(known.min())
    room = 0 if high > low else 0.05 * abs(low) or 1.0
    return Normalize(low - room, high + room)


def _dress_bar(bar: Colorbar, quantity: str) -> None:
    style.dress_bar(bar, "")
    axis = bar.ax.yaxis
    if quantity in _SHARES:
        axis.set_major_formatter(lambda value, _: f"{100 * value:.6g} %")
    elif isinstance(bar.norm, LogNorm):
        few = (bar.norm.vmax or 1) < 100 * (bar.norm.vmin or 1)
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=6))
        axis.set_major_formatter(lambda value, _: style.number(value))
