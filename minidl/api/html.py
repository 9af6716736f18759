"""A run as notebooks show it: how it ended, its losses as a line each, its config."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

import numpy as np
from numpy.typing import NDArray

from minidl.spec import Spec, dump

WIDTH, HEIGHT = 320, 96  # of the picture, in pixels
COLOURS = {"train": "#4477aa", "test": "#cc6677"}


def run_html(
    name: str,
    status: str,
    spec: Spec,
    metrics: Mapping[str, float | None],
    losses: NDArray[np.float64],
) -> str:
    """losses (2, epochs): those of the training and of the test part."""
    heads = "".join(f"<th>{escape(key)}</th>" for key in metrics)
    cells = "".join(f"<td>{_number(value)}</td>" for value in metrics.values())
    return (
        f"<div><b>{escape(name)}</b>, {escape(status)}"
        f"<table><thead><tr>{heads}</tr></thead><tbody><tr>{cells}</tr></tbody></table>"
        f"{_picture(losses)}"
        f"<details><summary>config</summary><pre>{escape(dump(spec))}</pre></details></div>"
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _picture(losses: NDArray[np.float64]) -> str:
    """Both losses over the epochs, on a logarithmic axis; nothing where there is no line."""
    logs = np.log10(np.where(losses > 0, losses, np.nan))
    known = logs[np.isfinite(logs)]
    if losses.shape[1] < 2 or not len(known):
        return ""
    low, high = float(known.min()), float(known.max())
    x = np.linspace(0, WIDTH, losses.shape[1])
    y = HEIGHT * (high - logs) / ((high - low) or 1.0)
    lines = [
        f'<polyline fill="none" stroke="{colour}" points="'
        + " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, row, strict=True) if math.isfinite(b))
        + '"/>'
        for row, colour in zip(y, COLOURS.values(), strict=True)
    ]
    key = ", ".join(
        f'<span style="color:{colour}">{part}</span>' for part, colour in COLOURS.items()
    )
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="-2 -2 {WIDTH + 4} {HEIGHT + 4}">'
        f"{''.join(lines)}</svg><br>loss: {key} (logarithmic, {10**low:.3g} to {10**high:.3g})"
    )
