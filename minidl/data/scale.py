"""How a column of numbers is scaled, learned from the training part."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidl.data.dataset import Floats

MOST_QUANTILES = 101
_BOUND = math.sqrt(3)  # a uniform distribution from -√3 to √3 has mean 0 and std 1


@dataclass(frozen=True)
class Scale:
    """(value − center) / width; `log` takes sign(v) log(1 + |v|) before.

    With `quantiles` (evenly spaced ones of the training part) a value becomes its rank between
    them instead, from -√3 to √3.
    """

    center: float = 0.0
    width: float = 1.0
    log: bool = False
    quantiles: tuple[float, ...] = ()

    @classmethod
    def of(cls, values: Floats, how: str) -> Scale:
        """That of finite values (N,): standard, robust, minmax, quantile, log or none.

        Raises ValueError where they are too large to average.
        """
        if how == "none":
            return cls()
        if how == "quantile":
            steps = np.linspace(0, 1, min(MOST_QUANTILES, max(len(values), 2)))
            return cls(quantiles=tuple(np.quantile(values, steps).tolist()))
        if how == "log":
            values = _log(values)
        with np.errstate(over="ignore", invalid="ignore"):
            center, width = _center_and_width(values, how)
        if not (math.isfinite(center) and math.isfinite(width)):
            raise ValueError("the values are too large to average")
        # The std of equal values is often a rounding error rather than 0; dividing blows it up.
        if values.min() == values.max() or width < np.finfo(np.float64).tiny:
            width = 1.0
        return cls(center, width, log=how == "log")

    def __post_init__(self) -> None:
        if not (math.isfinite(self.center) and 0 < self.width < math.inf):
            raise ValueError("a scale has no finite center and positive width")
        if self.quantiles and not (
            np.isfinite(self.quantiles).all() and (np.diff(self.quantiles) >= 0).all()
        ):
            raise ValueError("quantiles must increase")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Scale:
        return cls(
            float(values["center"]),
            float(values["width"]),
            bool(values["log"]),
            tuple(float(value) for value in values["quantiles"]),
        )

    def forward(self, values: Floats) -> Floats:
        """Values of any shape, as the network gets them."""
        if self.quantiles:
            ranks = np.linspace(-_BOUND, _BOUND, len(self.quantiles))
            known = np.array(self.quantiles)
            above = np.interp(values, known, ranks)  # where values are equal, the middle rank
            return np.asarray((above - np.interp(-values, -known[::-1], -ranks[::-1])) / 2)
        if self.log:
            values = _log(values)
        return np.asarray((values - self.center) / self.width)

    def inverse(self, values: Floats) -> Floats:
        """Back to the units of the file."""
        if self.quantiles:
            ranks = np.linspace(-_BOUND, _BOUND, len(self.quantiles))
            return np.asarray(np.interp(values, ranks, self.quantiles))
        values = values * self.width + self.center
        return np.asarray(np.sign(values) * np.expm1(np.abs(values)) if self.log else values)


def _log(values: Floats) -> Floats:
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


def _center_and_width(values: Floats, how: str) -> tuple[float, float]:
    if how == "robust":
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        return float(middle), float(high - low) or float(values.std())
    if how == "minmax":
        return float(values.min()), float(values.max() - values.min())
    return float(values.mean()), float(values.std())
