"""Statistics the way people read them: as many digits as the spread leaves meaning."""

from __future__ import annotations

import math

from minidl.report.members.groups import Statistics
from minidl.report.members.settings import number
from minidl.scores import is_share

MISSING = "–"
_WHOLE = ("epochs", "parameters")
# Runs side by side share their training time evenly: that it has no spread says nothing.
_WITHOUT_NO_SPREAD = (*_WHOLE, "train_seconds")


def mean_and_std(of: Statistics, metric: str) -> str:
    """`0.0189 ± 0.0047`, the mean alone for one run; shares in percent, the sign in the head."""
    if not of.n:
        return MISSING
    mean, std = _scaled(of.mean, metric), _scaled(of.std, metric)
    if not math.isfinite(std) or (std == 0 and metric in _WITHOUT_NO_SPREAD):
        return one(of.mean, metric)
    if std == 0:
        return f"{one(of.mean, metric)} ± 0"
    size = max(abs(mean), std)
    if not 1e-4 <= size < 1e6:
        power = math.floor(math.log10(size))
        scale = 10.0**power
        digits = _digits(std / scale)
        return f"({mean / scale:.{digits}f} ± {std / scale:.{digits}f})e{power}"
    digits = _digits(std)
    return f"{mean:.{digits}f} ± {std:.{digits}f}"


def one(value: float, metric: str) -> str:
    """One number: four digits, shares in percent with two decimals."""
    if not math.isfinite(value):
        return MISSING
    if is_share(metric):
        return f"{100 * value:.2f}"
    if metric in _WHOLE and value.is_integer():
        return f"{value:,.0f}"
    if value and not 1e-4 <= abs(value) < 1e6:
        return number(float(f"{value:.3e}"))
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _scaled(value: float, metric: str) -> float:
    return 100 * value if is_share(metric) else value


def _digits(std: float) -> int:
    """The decimals that show two digits of the spread, and no more than six."""
    return min(max(1 - math.floor(math.log10(std)), 0), 6)
