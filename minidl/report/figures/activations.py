"""Activation functions and their derivatives, as minidl's own modules compute them."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from minidl.report.figures import legends, style
from minidl.report.figures.picture import looks, panels, tall
from minidl.spec.report import ActivationsFigure


def activations(asked: ActivationsFigure) -> Figure:
    """f(x) at the left, f'(x) at the right."""
    from minidl.build.function import function_of  # here, for it needs torch

    x = np.linspace(-asked.reach, asked.reach, 1001)
    title = "Activation functions and their derivatives"
    names = [activation.type for activation in asked.activations]
    figure, ((left, right),) = panels(asked.title or title, [], 1, 2, tall((3.7, 3.2), names))
    handles, labels = [], []
    for activation, (colour, dash, _) in zip(asked.activations, looks(names), strict=True):
        look = {"color": colour, "linestyle": dash, "linewidth": 1.8}
        value, slope = function_of(activation, x)
        left.plot(x, value, **look, zorder=3)
        right.plot(x, slope, **look, zorder=3)
        handles.append(Line2D([], [], **look))
        options = [v for k, v in activation if k not in ("type", "name") and v is not None]
        words = ", ".join(f"{option:g}" for option in options)
        labels.append(style.literal(f"{activation.type}({words})" if words else activation.type))
    for axes, what in ((left, "f(x)"), (right, "f′(x)")):
        axes.axhline(0, color=style.FRAME, linewidth=0.8, zorder=1)
        axes.axvline(0, color=style.FRAME, linewidth=0.8, zorder=1)
        axes.set_xlim(-asked.reach, asked.reach)
        style.label(axes, "x", what)
    legends.beside(right, handles, labels)
    return figure
