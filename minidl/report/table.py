"""Groups → a table: which rows in which order, which columns tell them apart. Numbers stay whole;
how they look is up to the format."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minidl.errors import RunError
from minidl.report.collect import Member
from minidl.report.groups import Group, Statistics, best_over, goodness, group_by
from minidl.report.settings import Settings, Value, matches, sort_key, varying
from minidl.spec.problems import did_you_mean
from minidl.spec.report import ReportTable, TableMetric

# What became of the runs that no mean counts; a column each, where there are any.
COUNTS = ("diverged", "failed", "running", "interrupted")


@dataclass(frozen=True)
class Row:
    """One group: its values under the table's keys, its counts, its statistics by metric."""

    settings: Settings
    n: int
    counts: Mapping[str, int]
    statistics: Mapping[str, Statistics]
    runs: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Rows with columns: keys, n and counts, then the statistics of each metric."""

    keys: Sequence[str]
    counts: Sequence[str]
    metrics: Sequence[str]
    stats: Sequence[str]
    rows: Sequence[Row]
    title: str = ""
    name: str = "table"


def make_table(members: Sequence[Member], query: ReportTable) -> Table:
    """The table that `query` describes. Raises RunError where no run has what it names."""
    chosen = select(members, query.where)
    metrics = list(query.metrics or default_metrics(chosen))
    by = list(query.by) if query.by else None
    best = query.best_over
    check_keys(chosen, [*(by or ()), *([best] if best else ())])
    keys = by or varying([member.settings for member in chosen])
    if best:
        grouped = group_by(chosen, [*(key for key in keys if key != best), best])
        groups = best_over(grouped, best, query.best_by or metrics[0], query.epoch)
    else:
        groups = group_by(chosen, by)
    if by is None:
        keys = varying([group.settings for group in groups]) if len(groups) > 1 else []
    if best and best not in keys:
        keys = [*keys, best]
    rows = [_row(group, keys, metrics, query.epoch) for group in groups]
    counts = [name for name in COUNTS if any(row.counts[name] for row in rows)]
    _sort(rows, keys, metrics, query.sort_by)
    title = query.title or ""
    return Table(keys, counts, metrics, query.stats, rows, title, query.name or "table")


def select(members: Sequence[Member], where: Mapping[str, Any]) -> list[Member]:
    """The members with the given values. Raises RunError where there are none."""
    check_keys(members, where)
    chosen = [member for member in members if matches(member.settings, where)]
    if not chosen and where:
        words = ", ".join(f"{key}: {value!r}" for key, value in where.items())
        raise RunError(f"no run has the values {words}")
    return chosen


def check_keys(members: Sequence[Member], keys: Mapping[str, Any] | Sequence[str]) -> None:
    """Raises RunError where no run has a key."""
    known = {key for member in members for key in member.settings} if keys else set()
    for key in keys:
        if members and key not in known:
            last = [name for name in sorted(known) if name.rpartition(".")[2] == key]
            hint = f"; did you mean {last[0]!r}?" if last else did_you_mean(key, sorted(known))
            raise RunError(f"none of these runs has the key {key!r}{hint}")


def default_metrics(members: Sequence[Member]) -> list[TableMetric]:
    """Test loss and accuracy, R² of a regression, or PSNR of images."""
    choice: tuple[TableMetric, ...] = ("test_accuracy", "test_r2", "test_psnr")
    scores = [m for m in choice if any(math.isfinite(member.value(m)) for member in members)]
    return ["test_loss", *(scores or choice[:1])]


def _row(group: Group, keys: Sequence[str], metrics: Sequence[str], epoch: str) -> Row:
    return Row(
        settings={key: group.settings[key] for key in keys if key in group.settings},
        n=len(group.finished),
        counts={status: group.count(status) for status in COUNTS},
        statistics={metric: group.statistics(metric, epoch) for metric in metrics},
        runs=[member.name for member in group.members],
    )


def _sort(
    rows: list[Row], keys: Sequence[str], metrics: Sequence[str], sort_by: Sequence[str] | None
) -> None:
    """By the given keys and metrics, then by the keys; the best first, NaN and none last."""

    def order(row: Row) -> Iterator[tuple[Any, ...]]:
        for name in sort_by or metrics[:1]:
            if name in metrics:
                yield goodness(row.statistics[name].mean, name)
            else:
                yield _missing_last(row, name)
        for key in keys:
            yield _missing_last(row, key)

    for name in sort_by or ():
        if name not in metrics and name not in keys:
            shown = ", ".join([*keys, *metrics])
            raise RunError(f"can't sort by {name!r}: the table's columns are {shown}")
    rows.sort(key=lambda row: tuple(order(row)))


def _missing_last(row: Row, key: str) -> tuple[Any, ...]:
    value: Value = row.settings.get(key)
    return (key not in row.settings, *sort_key(value))
