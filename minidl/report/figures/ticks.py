"""The words at an axis' ticks: each a whole number by itself, with no factor or offset beside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import Formatter, MaxNLocator

_MOST_DIGITS = 4  # of a mantissa; what needs more is written out
_LARGEST = 1e13  # that is written out: a time in milliseconds
_LONG, _FEW = 8, 3  # longer words leave room for so few steps along an axis


class PlainTicks(Formatter):
    """Ticks as people write them: 0.25, 8,000, 1.5e8, and 1,750,000,300 among its like."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        others = [*self.axis.get_majorticklocs()] if isinstance(self.axis, Axis) else []
        return tick_words([*others, x])[-1]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        return tick_words(values)


def tick_words(values: Sequence[float]) -> list[str]:
    """All with as many digits as tell them apart."""
    known = np.unique([value for value in values if np.isfinite(value)])
    most = float(np.abs(known).max(initial=0))
    if most == 0:
        return ["0" for _ in values]
    step = float(np.diff(known).min()) if known.size > 1 else most
    places = _places(known, step)  # after the point; before it where negative
    digits = int(np.floor(np.log10(most))) + places
    if 1e-4 <= most < 1e6 or (digits > _MOST_DIGITS and places <= 0 and most < _LARGEST):
        commas = "," if most >= 10_000 else ""  # none in years
        return [Formatter.fix_minus(f"{value:{commas}.{max(places, 0)}f}") for value in values]
    return [_short(value, max(digits, 0), step) for value in values]


def few_if_long(axis: Axis) -> None:
    """Fewer ticks where their words are long, so that they don't run into each other."""
    if max(map(len, tick_words([*axis.get_majorticklocs()])), default=0) > _LONG:
        axis.set_major_locator(MaxNLocator(nbins=_FEW, steps=[1, 2, 2.5, 5, 10]))


def _places(known: np.ndarray, step: float) -> int:
    """The decimals at which rounding moves no tick by more than a hundredth of a step."""
    places = -int(np.floor(np.log10(step)))
    while max(abs(round(value, places) - value) for value in known.tolist()) > 0.01 * step:
        places += 1
    return places


def _short(value: float, digits: int, step: float) -> str:
    """`1.5e8`; what is nothing beside a step is 0."""
    if abs(value) < 1e-6 * step:
        return "0"
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return Formatter.fix_minus(f"{mantissa}e{int(exponent)}")
