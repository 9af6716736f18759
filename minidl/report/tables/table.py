"""Groups → a table: which rows in which order, which columns tell them apart. Numbers stay whole;
how they look is up to the format."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from minidl.errors import RunError
from minidl.report.members.collect import Member
from minidl.report.members.groups import Group, Statistics, best_over, goodness, group_by
from minidl.report.members.measures import words
from minidl.report.members.paired import Difference, against_the_best
from minidl.report.members.selection import chosen_on_test, on_validation
from minidl.report.members.settings import Settings, Value, heads, matches, sort_key, varying
from minidl.scores import without_part
from minidl.spec.problems import did_you_mean
from minidl.spec.report import ReportTable, Statistic

# What became of the runs that no mean counts; a column each, where there are any.
COUNTS = ("stopped", "diverged", "failed", "running", "interrupted")


@dataclass(frozen=True)
class Row:
    """One group: its values under the table's keys, its counts, its statistics by metric."""

    settings: Settings
    n: int
    counts: Mapping[str, int]
    statistics: Mapping[str, Statistics]
    runs: Sequence[str]
    # By metric, where the best is known: what that has over this row; None in its own.
    against_best: Mapping[str, Difference | None] = field(default_factory=dict)


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
    chosen_on_test: Sequence[str] = ()  # what was: the test part's figures are optimistic then


def make_table(members: Sequence[Member], query: ReportTable) -> Table:
    """The table that `query` describes. Raises RunError where no run has what it names."""
    chosen = select(members, query.where)
    metrics = list(query.metrics or default_metrics(chosen))
    by = whole_keys(chosen, query.by) if query.by else None
    best = whole_keys(chosen, [query.best_over])[0] if query.best_over else None
    keys = by or varying([member.settings for member in chosen])
    if best:
        grouped = group_by(chosen, [*(key for key in keys if key != best), best])
        by_metric = query.best_by or on_validation(_judge(metrics, [best]), chosen)
        groups = best_over(grouped, best, by_metric, query.epoch)
    else:
        groups = group_by(chosen, by)
    if by is None:
        keys = varying([group.settings for group in groups]) if len(groups) > 1 else []
    if best and best not in keys:
        keys = [*keys, best]
    rows = [_row(group, keys, metrics, query.epoch) for group in groups]
    for metric in metrics:
        if found := against_the_best(groups, metric, query.epoch):
            best_row, differences = found
            known = {best_row: None, **differences}
            rows = [
                replace(row, against_best={**row.against_best, metric: known[index]})
                if index in known
                else row
                for index, row in enumerate(rows)
            ]
    counts = [name for name in COUNTS if any(row.counts[name] for row in rows)]
    order = [full_key(keys, name) or name for name in query.sort_by or [_judge(metrics, keys)]]
    _sort(rows, keys, metrics, order)
    title = query.title or ""
    optimistic = chosen_on_test(chosen, query.epoch)
    if best and by_metric.startswith("test_"):
        optimistic.append(f"{heads([best])[0]} by {words(by_metric)}")
    name = query.name or "table"
    return Table(keys, counts, metrics, _stats(groups, query), rows, title, name, optimistic)


def _stats(groups: Sequence[Group], query: ReportTable) -> tuple[Statistic, ...]:
    """Those asked for; the default tells of folds their standard error, too."""
    folds = any(group.test_share and len(group.members) > 1 for group in groups)
    told = set(query.stats) == {"mean", "std"} and folds
    return (*query.stats, "sem") if told else query.stats


def whole_keys(members: Sequence[Member], names: Sequence[str]) -> list[str]:
    """Keys as a reader of the tables names them: `optimizer.lr` by the column's head, `lr`.

    Where that is the end of several keys, the one in which the runs differ is meant. Raises
    RunError where no run has such a key, or several could be meant.
    """
    known = list(dict.fromkeys(key for member in members for key in member.settings))
    found = {name: full_key(known, name) or name for name in names}
    several = [n for n in names if n not in known and len(_ending(known, n)) > 1]
    differing = varying([member.settings for member in members]) if several else []
    found |= {name: full_key(differing, name) or name for name in several}
    for name in several:
        if found[name] == name:
            meant = ", ".join(_ending(known, name))
            raise RunError(f"{name!r} is the end of several keys: write one of {meant}")
    check_keys(members, [*found.values()])
    return [found[name] for name in names]


def whole_where(members: Sequence[Member], where: Mapping[str, Any]) -> dict[str, Any]:
    """The same with whole keys. Raises RunError as `whole_keys` does."""
    return dict(zip(whole_keys(members, [*where]), where.values(), strict=True))


def full_key(keys: Sequence[str], name: str) -> str | None:
    """The one of the keys that is called so, or that alone ends so; None if there isn't one."""
    ending = _ending(keys, name)
    return name if name in keys else ending[0] if len(ending) == 1 else None


def _ending(keys: Sequence[str], name: str) -> list[str]:
    return [key for key in keys if key.endswith(f".{name}")]


def select(members: Sequence[Member], where: Mapping[str, Any]) -> list[Member]:
    """The members with the values of `where`, whose keys may be heads of columns.

    Raises RunError where there are none.
    """
    where = whole_where(members, where)
    chosen = [member for member in members if matches(member.settings, where)]
    if not chosen and where:
        values = ", ".join(f"{key}: {value!r}" for key, value in where.items())
        raise RunError(f"no run has the values {values}")
    return chosen


def check_keys(members: Sequence[Member], keys: Mapping[str, Any] | Sequence[str]) -> None:
    """Raises RunError where no run has a key."""
    known = {key for member in members for key in member.settings} if keys else set()
    for key in keys:
        if members and key not in known:
            hint = did_you_mean(key, sorted(known))
            raise RunError(f"none of these runs has the key {key!r}{hint}")


def default_metrics(members: Sequence[Member]) -> list[str]:
    """Loss and accuracy, R² of a regression, or PSNR of images, on the test part.

    Where the runs have a validation part its own come first.
    """
    tested = _tested(members)
    validated = [on_validation(metric, members) for metric in tested]
    return list(dict.fromkeys([*validated, *tested]))


def default_score(members: Sequence[Member]) -> str:
    """The one of them that says which runs are better."""
    return on_validation(_tested(members)[-1], members)


_SCORES = {"classification": "test_accuracy", "regression": "test_r2", "images": "test_psnr"}


def _tested(members: Sequence[Member]) -> list[str]:
    """Where none has a score, as all diverged, those of their tasks."""
    choice = [*_SCORES.values()]
    scores = [m for m in choice if any(math.isfinite(member.value(m)) for member in members)]
    tasks = {member.record.task for member in members}
    meant = [score for task, score in _SCORES.items() if task in tasks]
    return ["test_loss", *(scores or meant or choice[:1])]


def _row(group: Group, keys: Sequence[str], metrics: Sequence[str], epoch: str) -> Row:
    return Row(
        settings={key: group.settings[key] for key in keys if key in group.settings},
        n=len(group.finished),
        counts={status: group.count(status) for status in COUNTS},
        statistics={metric: group.statistics(metric, epoch) for metric in metrics},
        runs=[member.name for member in group.members],
    )


def _judge(metrics: Sequence[str], keys: Sequence[str]) -> str:
    """The metric that says what is better: the first, but no loss where losses differ in kind."""
    like = [m for m in metrics if not (without_part(m) == "loss" and "loss" in keys)]
    return (like or metrics)[0]


def _sort(
    rows: list[Row], keys: Sequence[str], metrics: Sequence[str], sort_by: Sequence[str]
) -> None:
    """By the given keys and metrics, then by the keys; the best first, NaN and none last."""

    def order(row: Row) -> Iterator[tuple[Any, ...]]:
        for name in sort_by:
            if name in metrics:
                yield goodness(row.statistics[name].mean, name)
            else:
                yield _missing_last(row, name)
        for key in keys:
            yield _missing_last(row, key)

    for name in sort_by:
        if name not in metrics and name not in keys:
            shown = ", ".join([*keys, *metrics])
            raise RunError(f"can't sort by {name!r}: the table's columns are {shown}")
    rows.sort(key=lambda row: tuple(order(row)))


def _missing_last(row: Row, key: str) -> tuple[Any, ...]:
    value: Value = row.settings.get(key)
    return (key not in row.settings, *sort_key(value))
