"""What the figures of many runs share: panels, colours by value, legends that say the value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minidl.plural import plural
from minidl.report.figures import style
from minidl.report.figures.axes import HUGE, logarithmic, scale
from minidl.report.members.groups import Group, pooled_keys
from minidl.report.members.settings import heads, labels, show
from minidl.scores import higher_is_better, is_share

BANDS = {"std": "mean ± std", "ci95": "mean ± 95 % CI", "range": "mean, min to max"}
MOST_VALUES = 40  # along an axis
MOST_LINES = 24
MOST_PANELS = 12
ACROSS = 24  # characters of a legend's line
_DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)))  # after each round of colours


class Look(NamedTuple):
    """How a line is told apart from others."""

    colour: Any
    dash: Any
    marker: str


def looks(values: Sequence[Any]) -> list[Look]:
    """That of each: unlike colours for few values, from dark to light for many numbers.

    The same colour comes again after twelve: dashed, then dotted. Markers help who sees none.
    """
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    markers = list(map(style.class_marker, range(len(values))))
    if len(values) > 8 and numbers:
        shades = np.linspace(0, 1, len(values))
        return [Look(style.ORDERED(at), "-", m) for at, m in zip(shades, markers, strict=True)]
    rounds = [_DASHES[index // 12 % len(_DASHES)] for index in range(len(values))]
    return [
        Look(style.class_colour(index), dash, marker)
        for index, (dash, marker) in enumerate(zip(rounds, markers, strict=True))
    ]


def tall(size: tuple[float, float], labels: Sequence[str]) -> tuple[float, float]:
    """The size of a panel, high enough for a legend with these labels beside it."""
    shown = labels[:MOST_LINES]
    more = sum(style.wrapped(label, ACROSS).count("\n") for label in shown)
    return size[0], max(size[1], 0.23 * len(shown) + 0.16 * more + 1.0)


def named(key: str, value: Any) -> str:
    """`lr 0.01`, for a title; not yet literal."""
    return f"{heads([key])[0]} {show(value)}"


def where_words(where: Mapping[str, Any]) -> list[str]:
    """What a figure is restricted to, for its second line."""
    found = []
    for key, value in where.items():
        several = isinstance(value, (list, tuple))
        values = ", ".join(map(_plain, value)) if several else _plain(value)
        found.append(style.literal(f"{heads([key])[0]} {values}", 100))
    return found


def panels(
    title: str,
    below: Sequence[str],
    rows: int,
    columns: int,
    size: tuple[float, float] = (4.3, 3.3),
    beside: float = 1.5,
) -> tuple[Figure, list[list[Axes]]]:
    """A grid of axes, each of about `size` inches, with room for a legend `beside` them."""
    width = max(size[0] * columns + beside, 4.0)
    figure, axes = style.new_figure(
        style.literal(title, style.LONGEST),
        "  ·  ".join(below),
        size=(width, size[1] * rows + 0.75),
        shape=(rows, columns),
    )
    return figure, [axes[row * columns : (row + 1) * columns] for row in range(rows)]


def metric_axis(axes: Axes, metric: str, curves: Sequence[np.ndarray], kind: str = "auto") -> None:
    """A scale that suits the metric, or the one that is asked for."""
    values = np.concatenate([np.ravel(curve) for curve in curves]) if curves else np.empty(0)
    values = values[np.isfinite(values)]
    if not values.size:
        return
    positive = values[values > 0]
    if positive.size and (kind == "log" or (kind == "auto" and _by_decades(metric, positive))):
        low, high = float(positive.min()), float(positive.max())
        logarithmic(axes, high / low)
        axes.set_ylim(low / 1.25, min(high * 1.25, HUGE))
        if is_share(metric):
            axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.6g} %")
    else:
        known = "accuracy" if is_share(metric) else "r2" if metric.endswith("r2") else ""
        scale(axes, [values], known)


def _by_decades(metric: str, positive: np.ndarray) -> bool:
    """Losses, errors and rates that span more than a factor of 30 are read by decades."""
    return falls(metric) and positive.size > 0 and float(positive.max() / positive.min()) > 30


def falls(metric: str) -> bool:
    """Whether it is read by decades: losses, errors, rates, seconds."""
    return not (higher_is_better(metric) or metric in ("epochs", "parameters"))


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_plain, value))}]"
    good = value is None or isinstance(value, (str, int, float, bool))
    return show(value) if good else str(value)


def counted(runs: Iterable[int], band: str) -> str:
    """`mean ± std of 10 runs`, or of as many as there are at least and at most."""
    counts = sorted(set(runs) - {0}) or [0]
    least = "" if counts[0] == counts[-1] else f"{counts[0]}–"
    what = BANDS.get(band, "mean") if counts[-1] > 1 else "mean"
    return f"{what} of {least}{plural(counts[-1], 'run')}"


def pooled(groups: Iterable[Group]) -> list[str]:
    """What means are taken over beside seeds, for a figure's second line."""
    found = heads(pooled_keys(groups))
    return [style.literal(f"over all values of {', '.join(found)}", 100)] if found else []


def value_axis(axes: Axes, values: Sequence[Any], width: float) -> None:
    """A tick per value; long words slanted."""
    said = [style.literal(label, 24) for label in labels(values)]
    slanted = 0.085 * max(map(len, said)) > 0.8 * width / len(values)
    axes.set_xticks(range(len(values)), said)
    if slanted:
        for text in axes.get_xticklabels():
            text.set(rotation=35, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.5, len(values) - 0.5)
