"""A metric of many runs over the epochs: mean and spread, as far as most of them went."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from minidl.errors import RunError
from minidl.report.members.collect import Member
from minidl.report.members.groups import binary_power, effective, t_quantile, test_share
from minidl.report.members.measures import curve


@dataclass(frozen=True)
class Series:
    """Arrays over `epochs`; `low` and `high` are the ends of the band around `mean`.

    n: the finished runs behind it; `diverged` ones are counted beside. Where there are only those,
    `lost` is true and the mean is theirs.
    """

    epochs: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: int
    diverged: int
    lost: bool
    least: np.ndarray  # of the runs

    def positive(self) -> Series:
        """The same for a logarithmic axis: a band that reaches 0 ends at the lowest run."""
        return replace(self, low=np.where(self.low > 0, self.low, self.least))


def series(
    members: Sequence[Member],
    metric: str,
    band: str,
    notes: list[str],
    *,
    unfinished: bool = False,
) -> Series | None:
    """None where no run has the metric. Damaged files are left out, and noted.

    Runs that diverged in their first epoch have a series too, without epochs. `unfinished` runs
    count like finished ones where a page shows how far they are.
    """
    whole = ("done", "running", "interrupted", "stopped") if unfinished else ("done",)
    finished = [member for member in members if member.status in whole]
    diverged = [member for member in members if member.status == "diverged"]
    curves = _curves(finished, metric, notes)
    lost = not curves
    if lost:
        curves = _curves(diverged, metric, notes)
    if not curves:
        none = np.empty(0)
        return Series(none, none, none, none, 0, len(diverged), lost, none) if diverged else None
    epochs = np.unique(np.concatenate([epochs for epochs, _ in curves]))
    table = np.full((len(curves), len(epochs)), math.nan)
    for row, (own, values) in zip(table, curves, strict=True):
        row[np.searchsorted(epochs, own)] = values
    # Runs may stop early: the mean goes on while it is that of most of them.
    kept = 2 * np.isfinite(table).sum(axis=0) > len(curves)
    epochs, table = epochs[kept], table[:, kept]
    if not epochs.size:
        return None
    mean, low, high = _spread(table, band, test_share(members))
    n, least = 0 if lost else len(curves), np.nanmin(table, axis=0)
    return Series(epochs, mean, low, high, n, len(diverged), lost, least)


def single(run: Member, metric: str, notes: list[str]) -> Series | None:
    """The curve of one run, however far it came."""
    curves = _curves([run], metric, notes)
    diverged = run.status == "diverged"
    if not curves:
        return series([run], metric, "none", notes) if diverged else None
    ((epochs, own),) = curves
    return Series(epochs, own, own, own, int(not diverged), int(diverged), diverged, own)


def _curves(
    members: Sequence[Member], metric: str, notes: list[str]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The known epochs of each run with the metric there."""
    found = []
    for member in members:
        try:
            columns = member.columns
        except RunError as error:
            note = f"left out of the curves: {error}"
            if note not in notes:
                notes.append(note)
            continue
        values = curve(columns, metric)
        if values is None or "epoch" not in columns:
            continue
        known = np.isfinite(values) & np.isfinite(columns["epoch"])
        if known.any():
            found.append((columns["epoch"][known], values[known]))
    return found


def _spread(
    table: np.ndarray, band: str, share: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # one run has no spread
        power = binary_power(table)
        scaled = np.ldexp(table, -power)
        mean = np.nanmean(scaled, axis=0)
        if band == "range":
            return np.ldexp(mean, power), np.nanmin(table, axis=0), np.nanmax(table, axis=0)
        counts = np.isfinite(table).sum(axis=0)
        reach = np.nanstd(scaled, axis=0, ddof=1) if len(table) > 1 else np.zeros_like(mean)
        if band == "ci95":
            reach = (
                reach
                / np.sqrt(effective(counts, share))
                * [t_quantile(max(int(c) - 1, 1)) for c in counts]
            )
        reach = np.zeros_like(mean) if band == "none" else np.nan_to_num(reach)
        mean, low, high = (np.ldexp(end, power) for end in (mean, mean - reach, mean + reach))
    return mean, low, high
