"""Single images in a grid, each under its words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from minidl.report.figures import style
from minidl.report.figures.image_grid import show

MOST = 48  # images
_ACROSS = 8
_SIDE = 1.05  # inches


def image_tiles(title: str, below: str, images: np.ndarray, words: Sequence[str]) -> Figure:
    """The first MOST of images (N, channels, height, width), all on one scale."""
    images = images[:MOST]
    columns = min(_ACROSS, len(images))
    rows = -(-len(images) // columns)
    figure, axes = style.new_figure(
        title,
        below,
        size=(max(_SIDE * columns + 0.3, 4.5), (_SIDE + 0.35) * rows + 0.75),
        shape=(rows, columns),
    )
    scale = np.array([images.min(), images.max()])
    for index, panel in enumerate(axes):
        if index >= len(images):
            panel.set_axis_off()
            continue
        show(panel, (images[index] - scale[0]) / (np.ptp(scale) or 1.0), np.array([0.0, 1.0]))
        panel.set_title(style.wrapped(words[index], 15, 3), size=8, color=style.INK)
    return figure
