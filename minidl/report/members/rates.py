"""Which learning rate to take, from trainings of a few epochs that differ in it alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minidl.report.members.collect import Member

LEARNING_RATE, METRIC = "optimizer.lr", "train_loss"
_DIVERGED = 10  # times the loss at the lowest rates, where next to nothing is learned
_NEIGHBOURS = 2  # on each side, whose median stands for a loss: one lucky run says little


@dataclass(frozen=True)
class Rates:
    """Training losses by rate, from the lowest rate on; NaN where the training diverged."""

    rates: np.ndarray
    losses: np.ndarray

    @classmethod
    def of(cls, members: Sequence[Member]) -> Rates:
        """Of runs that ended, one for each rate."""
        found = sorted(
            (
                float(member.settings[LEARNING_RATE] or 0),
                math.nan if member.status == "diverged" else member.value(METRIC),
            )
            for member in members
            if member.status in ("done", "diverged")
        )
        table = np.array(found, dtype=float).reshape(-1, 2)
        return cls(table[:, 0], table[:, 1])

    @property
    def diverged(self) -> np.ndarray:
        """Whether each training did, or is about to: its loss is far beyond where it began."""
        start = np.median(self.losses[: 2 * _NEIGHBOURS + 1]) if self.losses.size else math.nan
        lost: np.ndarray = ~np.isfinite(self.losses) | (self.losses > _DIVERGED * start)
        return lost

    @property
    def suggested(self) -> float | None:
        """The rate with the lowest loss, its neighbours considered; None where all diverged."""
        losses = np.where(self.diverged, math.inf, self.losses)
        padded = np.pad(losses, _NEIGHBOURS, mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1)
        smooth = np.median(windows, axis=1) if losses.size else losses
        if not np.isfinite(smooth).any():
            smooth = losses
        if not np.isfinite(smooth).any():
            return None
        best = min(range(losses.size), key=lambda index: (smooth[index], losses[index]))
        return float(self.rates[best])

    @property
    def diverges_from(self) -> float | None:
        """The lowest rate above the suggested one at which a training diverged."""
        lost = self.rates[self.diverged & (self.rates > (self.suggested or 0))]
        return float(lost[0]) if lost.size else None
