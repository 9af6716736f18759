"""When to stop, and which epoch was the best: observers of one network's training.

An observer is called with each row of metrics.csv, and may return the reason to stop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from minidl.scores import higher_is_better

if TYPE_CHECKING:
    from minidl.spec.training import Training

Row = Mapping[str, float | None]
Observer = Callable[[Row], str | None]


class Best:
    """The best value of a metric so far (never NaN); calls `improved(row)` at each new one."""

    def __init__(
        self, metric: str, *, min_delta: float = 0.0, improved: Callable[[Row], None] | None = None
    ) -> None:
        self.metric, self.min_delta, self.improved = metric, min_delta, improved
        self.sign = -1 if higher_is_better(metric) else 1
        self.value: float | None = None
        self.row: Row = {}

    def __call__(self, row: Row) -> None:
        value = row.get(self.metric)
        if value is not None and self.beats(value):
            self.value, self.row = value, row
            if self.improved:
                self.improved(row)

    def beats(self, value: float) -> bool:
        """Whether a value is better than the best by more than `min_delta`."""
        if not math.isfinite(value):
            return False
        if self.value is None:
            return True
        return self.sign * (self.value - value) > self.min_delta


class EarlyStopping:
    """Stops once a metric has not improved by more than `min_delta` for `patience` evaluations.

    Its best isn't the run's, which keeps the weights of any improvement, however small.
    """

    def __init__(self, metric: str, patience: int, min_delta: float = 0.0) -> None:
        self.best = Best(metric, min_delta=min_delta)
        self.patience, self.waited = patience, 0

    def __call__(self, row: Row) -> str | None:
        value = row.get(self.best.metric)
        if value is None:
            return None
        self.waited = 0 if self.best.beats(value) else self.waited + 1
        self.best(row)
        if self.waited < self.patience:
            return None
        return f"{self.best.metric} has not improved for {self.patience} evaluations"


class StopAt:
    """Stops as soon as a metric reaches a value."""

    def __init__(self, metric: str, value: float) -> None:
        self.metric, self.value = metric, value
        self.sign = -1 if higher_is_better(metric) else 1

    def __call__(self, row: Row) -> str | None:
        value = row.get(self.metric)
        if value is None or self.sign * value > self.sign * self.value or math.isnan(value):
            return None
        return f"{self.metric} reached {value:.6g}"


def stops(training: Training) -> list[Observer]:
    """The observers that a config asks for; its metrics are settled (`Spec.settled`)."""
    early, stop_at = training.early_stopping, training.stop_at
    observers: list[Observer] = []
    if early and early.metric:
        observers.append(EarlyStopping(early.metric, early.patience, early.min_delta))
    if stop_at:
        observers.append(StopAt(stop_at.metric, stop_at.value))
    return observers
