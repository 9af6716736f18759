"""A search → the table of its trials, the best first."""

from __future__ import annotations

import math
from collections.abc import Sequence

from minidl.report.members.collect import Member
from minidl.report.members.groups import Group, Statistics, goodness, group_by
from minidl.report.members.measures import words
from minidl.report.members.selection import chosen_on_test, on_validation
from minidl.report.members.settings import Settings, varying
from minidl.report.tables.table import COUNTS, Row, Table, default_metrics
from minidl.spec.search import AnySearch


def search_metric(search: AnySearch, members: Sequence[Member]) -> str:
    """What says which trial is best."""
    return search.metric or on_validation("test_loss", members)


def trials_of(members: Sequence[Member], metric: str) -> list[Group]:
    """Runs that differ by seed alone, the best trial first: of those that trained to their end.

    After them come those that were stopped, the later the sooner, then those that diverged.
    """

    def order(group: Group) -> tuple[int, float, tuple[bool, float]]:
        lost = sum(member.status not in ("done", "stopped") for member in group.members)
        epochs = min(member.value("epochs") for member in group.members)
        stopped = group.count("stopped") > 0
        return (
            lost,
            -epochs if stopped and math.isfinite(epochs) else -math.inf,
            goodness(value_of(group, metric).mean, metric),
        )

    return sorted(group_by(members, None), key=order)


def value_of(group: Group, metric: str) -> Statistics:
    """A trial's metric where its runs ended or were stopped; nothing of runs that were lost."""
    kept = [member for member in group.members if member.status in ("done", "stopped")]
    return Statistics.of(member.value(metric) for member in kept)


def ended_values(members: Sequence[Member], metric: str) -> tuple[list[Settings], list[float]]:
    """The settings and the metric of each trial that wasn't stopped; NaN where it was lost."""
    trials = [one for one in trials_of(members, metric) if not one.count("stopped")]
    return [one.settings for one in trials], [value_of(one, metric).mean for one in trials]


def trials_table(members: Sequence[Member], search: AnySearch) -> Table:
    """A row for each trial, with the epochs that it trained."""
    metric = search_metric(search, members)
    groups = trials_of(members, metric)
    keys = varying([group.settings for group in groups]) if len(groups) > 1 else []
    metrics = list(dict.fromkeys([metric, *default_metrics(members)]))
    rows = [_row(group, keys, metrics) for group in groups]
    optimistic = chosen_on_test(members, "last")
    if metric.startswith("test_"):
        optimistic.append(f"the search by {words(metric)}")
    counts = [name for name in COUNTS if any(row.counts[name] for row in rows)]
    return Table(
        [*keys, "epochs"], counts, metrics, ("mean", "std"), rows, "", "trials", optimistic
    )


def budget_note(members: Sequence[Member]) -> str:
    """How many epochs were trained, of those that all trials would take in full."""
    trained = sum(number for member in members if math.isfinite(number := member.value("epochs")))
    whole = 0
    for member in members:
        epochs = member.settings.get("training.epochs")
        whole += epochs if isinstance(epochs, int) else 0
    share = f"{100 * trained / whole:.0f}" if whole else "–"
    return f"trained {trained:,.0f} epochs, {share} % of the {whole:,} of all these trials in full"


def _row(group: Group, keys: Sequence[str], metrics: Sequence[str]) -> Row:
    settings = {key: group.settings[key] for key in keys if key in group.settings}
    epochs = [member.value("epochs") for member in group.members]
    if known := [int(number) for number in epochs if math.isfinite(number)]:
        settings["epochs"] = max(known)
    return Row(
        settings=settings,
        n=len(group.finished),
        counts={status: group.count(status) for status in COUNTS},
        statistics={metric: value_of(group, metric) for metric in metrics},
        runs=[member.name for member in group.members],
    )
