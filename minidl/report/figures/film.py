"""Pictures of several runs side by side, epoch after epoch: moving, and as a strip."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from minidl.report.figures import style

ACROSS, STRIP = 3, 6  # panels in a row of a moving picture; frames in a strip
MILLISECONDS, LAST = 120, 1500  # of a frame, and of the last one
LONGEST_NOTE = 90  # characters
_POINTS = 300


@dataclass(frozen=True)
class Panel:
    """A run's colours (frames, height, width, 3), from 0 to 1, and its points over a plane."""

    name: str
    colours: np.ndarray
    extent: tuple[float, float, float, float] | None = None
    points: np.ndarray | None = None
    classes: int = 0


def colours_of(answers: np.ndarray, classes: int, *, plane: bool) -> np.ndarray:
    """Answers (frames, K, height, width) as colours (frames, height, width, 3), from 0 to 1.

    Over a plane the shares of classes, that of class 1, or a value's place in its range; else
    images of K channels, of which three are colours and the first is gray.
    """
    answers = np.nan_to_num(answers).clip(0, 1)
    if not plane:
        shown = answers if answers.shape[1] == 3 else np.repeat(answers[:, :1], 3, axis=1)
        return np.moveaxis(shown, 1, -1)
    if classes > 2:
        palette = np.array([style.tint(style.class_colour(i), 0.55) for i in range(classes)])
        return np.asarray(palette[answers.argmax(1)])
    scale = style.TWO_CLASSES if classes else style.SEQUENTIAL
    # Lighter than the points that lie on it.
    return np.asarray(1 - 0.6 * (1 - scale(answers[:, 0])[..., :3]))


def gif(epochs: Sequence[int], panels: Sequence[Panel], note: str = "") -> bytes:
    """A moving picture, which begins again at its end; the note stands below its title."""
    from PIL import Image

    columns = min(ACROSS, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = style.new_figure(
        "Epoch 0", _who(panels, note), (2.6 * columns + 0.4, 2.9 * rows + 0.7), (rows, columns)
    )
    figure.set_dpi(100)
    images = [_draw(axes[i], panel, 0, title=len(panels) > 1) for i, panel in enumerate(panels)]
    for rest in axes[len(panels) :]:
        rest.set_axis_off()
    head = figure.texts[0]
    canvas: Any = figure.canvas  # Agg's, whose methods have no types
    frames = []
    for frame, epoch in enumerate(epochs):
        head.set_text(f"Epoch {epoch:,}")
        for image, panel in zip(images, panels, strict=True):
            image.set_data(panel.colours[frame])
        canvas.draw()
        if frame == 0:
            figure.set_layout_engine("none")  # nothing moves but the pictures
        pixels = np.asarray(canvas.buffer_rgba())[..., :3]
        frames.append(Image.fromarray(pixels).quantize(256))
    content = io.BytesIO()
    durations = [MILLISECONDS] * (len(frames) - 1) + [LAST]
    frames[0].save(
        content, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0
    )
    return content.getvalue()


def strip(epochs: Sequence[int], panels: Sequence[Panel], note: str = "") -> Figure:
    """A row for each run, with some of its epochs from left to right, denser at first."""
    last = len(epochs) - 1
    chosen = np.unique((last * np.linspace(0, 1, STRIP) ** 2).round().astype(int))
    figure, axes = style.new_figure(
        "Epoch after epoch",
        _who(panels, note),
        (1.6 * len(chosen) + 0.5, 1.75 * len(panels) + 0.75),
        (len(panels), len(chosen)),
    )
    for row, panel in enumerate(panels):
        for column, frame in enumerate(chosen.tolist()):
            here = axes[row * len(chosen) + column]
            _draw(here, panel, frame, title=False)
            if row == 0:
                here.set_title(f"epoch {epochs[frame]:,}", size=9, color=style.INK)
        if len(panels) > 1:
            words = style.wrapped(panel.name, 18, 2)
            axes[row * len(chosen)].set_ylabel(words, size=8, color=style.INK)
    return figure


def _who(panels: Sequence[Panel], note: str) -> str:
    name = style.literal(panels[0].name, style.LONGEST)
    who = name if len(panels) == 1 else f"{len(panels)} runs, in step"
    return f"{who}  ·  {style.literal(note, LONGEST_NOTE)}" if note else who


def _draw(axes: Axes, panel: Panel, frame: int, *, title: bool) -> AxesImage:
    """A panel's picture of a frame, with its points."""
    image = axes.imshow(
        panel.colours[frame],
        extent=panel.extent,
        origin="upper" if panel.extent is None else "lower",
        interpolation="nearest" if panel.extent is None or panel.classes > 2 else "bilinear",
    )
    if panel.points is not None:
        some = panel.points[:: -(-len(panel.points) // _POINTS)]
        look: dict[str, Any] = {"s": 7, "linewidths": 0.3, "edgecolors": "white"}
        if panel.classes:
            colours = [style.class_colour(int(index)) for index in some[:, 2]]
            axes.scatter(some[:, 0], some[:, 1], c=colours, **look)
        else:
            axes.scatter(some[:, 0], some[:, 1], c=some[:, 2], cmap=style.SEQUENTIAL, **look)
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    if title:
        axes.set_title(style.wrapped(panel.name, 26, 2), size=8, color=style.INK)
    return image
