"""Pictures of an image task: what went in, what the network made of it, what was wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minidl.report.figures import style
from minidl.report.members.run_view import RunView

_SIDE = 1.15  # inches of a picture's height
_WIDEST = 2.3  # times its height; a wider one gets bars above and below


def image_grid(run: RunView) -> Figure | None:
    """A column per test image, from the worst to the best; a row each for input, output, target."""
    names = {
        "input": run.feature_names[0] if run.feature_names else "input",
        "output": "network",
        "target": run.target(0),
    }
    rows = [(name, run.predictions[f"test_image_{key}"]) for key, name in names.items()]
    columns = len(rows[0][1])
    if not columns:
        return None
    height, width = rows[2][1].shape[-2:]
    wide = min(max(width / height, 1 / _WIDEST), _WIDEST)
    figure, axes = style.new_figure(
        "Test images",
        _summary(run),
        size=(max(_SIDE * wide * columns + 0.9, 6.4), (_SIDE + 0.2) * len(rows) + 0.9),
        shape=(len(rows), columns),
    )
    wanted = rows[2][1]
    shown = run.predictions["test_image_index"]
    above = [run.predictions.get(key) for key in ("test_input_psnr", "test_psnr")]
    for row, (name, images) in enumerate(rows):
        for column, image in enumerate(images):
            panel = axes[row * columns + column]
            show(panel, image, wanted[column])
            psnr = above[row] if row < len(above) else None
            if psnr is not None and np.isfinite(psnr[shown[column]]):
                panel.set_title(f"{psnr[shown[column]]:.1f} dB", size=8, color=style.INK)
        style.label(axes[row * columns], "", style.literal(name, 14))
    return figure


def _summary(run: RunView) -> str:
    """The run's name, and the mean PSNR of the test part before and after."""
    words = [style.literal(run.name)]
    both = [run.predictions.get(key) for key in ("test_input_psnr", "test_psnr")]
    means = [float(values.mean()) for values in both if values is not None]
    said = " → ".join(f"{mean:.2f}" for mean in means if np.isfinite(mean))
    if said:
        words.append(f"PSNR on test {said} dB")
    return "  ·  ".join(words)


def show(panel: Axes, image: np.ndarray, target: np.ndarray) -> None:
    """Three channels as colours, else the first one as gray; on the scale of the target."""
    low, high = min(0.0, float(target.min())), max(1.0, float(target.max()))
    pixels = np.clip((np.nan_to_num(image) - low) / (high - low), 0, 1)
    grays: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 1}
    if len(pixels) == 3:
        panel.imshow(pixels.transpose(1, 2, 0), interpolation="nearest")
    else:
        panel.imshow(pixels[0], interpolation="nearest", **grays)
    panel.grid(False)
    panel.set(xticks=[], yticks=[])
    for spine in panel.spines.values():  # where white pixels end
        spine.set(visible=True, color=style.GRID)
