"""Whether a classifier is as often right as it says: the reliability diagram."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from minidl.plural import plural
from minidl.report.figures import legends, style
from minidl.report.members.judged import judged
from minidl.report.members.run_view import RunView
from minidl.scores import BINS


def reliability(run: RunView) -> Figure | None:
    """The share that is right over the confidence, in bins as ece has them (Guo et al. 2017).

    Below, how many test points are in each bin. None where the outputs aren't probabilities.
    """
    seen = judged(run)
    if seen is None or not seen.probable:
        return None
    confidence = seen.scores.max(1)
    right = seen.scores.argmax(1) == seen.target
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    count = np.bincount(bins, minlength=BINS)
    most = np.maximum(count, 1)
    share = np.bincount(bins, weights=right, minlength=BINS) / most
    said = np.bincount(bins, weights=confidence, minlength=BINS) / most
    error = float((count * np.abs(share - said)).sum() / count.sum())
    words = [
        style.literal(run.name, style.LONGEST),
        plural(len(right), "test point"),
        f"ECE {style.number(error)}",
    ]
    figure, (top, below) = style.new_figure(
        "Reliability",
        "  ·  ".join(words),
        size=(5.4, 6.0),
        shape=(2, 1),
        sharex=True,
        height_ratios=(3, 1),
    )
    there = count > 0
    middle, width = (np.arange(BINS) + 0.5) / BINS, 0.92 / BINS
    bars = top.bar(middle[there], share[there], width, color=style.BLUE, zorder=2)
    gaps = top.bar(
        middle[there], (said - share)[there], width, bottom=share[there],
        color=style.tint(style.VERMILLION, 0.45), alpha=0.75, zorder=3,
    )  # fmt: skip
    ideal = top.plot([0, 1], [0, 1], color=style.INK, lw=1, ls=(0, (4, 3)), zorder=4)
    top.set(xlim=(0, 1), ylim=(0, 1.02))
    below.bar(middle[there], count[there], width, color=style.QUIET, zorder=2)
    style.label(top, "", "share that is right")
    style.label(below, "confidence: probability of the class decided for", "points", 60)
    legends.at_head(figure, [bars, gaps, *ideal], ["right", "gap", "as sure as right"])
    return figure
