"""A table as heads and cells of text, for all formats that people read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minidl.report.members.measures import words
from minidl.report.members.settings import heads, labels
from minidl.report.tables.numbers import MISSING, mean_and_std, one
from minidl.report.tables.table import Table
from minidl.report.tables.verdicts import OPTIMISTIC, mark
from minidl.scores import is_share

_STAT_WORDS = {"ci95": "± 95 % CI", "sem": "± SE"}


@dataclass(frozen=True)
class Column:
    """A head with its cells, one per row."""

    head: str
    cells: Sequence[str]
    number: bool  # set flush right
    key: bool = False  # tells the rows apart: comes again where a table is cut in two


def grid(table: Table) -> list[Column]:
    """The columns of a table, in order."""
    made = [_key_column(table, *item) for item in zip(table.keys, heads(table.keys), strict=True)]
    made.append(Column("n", [str(row.n) for row in table.rows], number=True))
    for name in table.counts:
        cells = [str(row.counts[name] or "") for row in table.rows]
        made.append(Column(name, cells, number=True))
    for metric in table.metrics:
        made += _metric_columns(table, metric)
    return made


def _key_column(table: Table, key: str, head: str) -> Column:
    values = [row.settings.get(key) for row in table.rows]
    shown = zip(table.rows, labels(values), strict=True)
    cells = [label if key in row.settings else MISSING for row, label in shown]
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    return Column(head, cells, number=numbers and bool(values), key=True)


def _metric_columns(table: Table, metric: str) -> list[Column]:
    """Mean and std in one column where both are wanted; the others in their own."""
    unit = " (%)" if is_share(metric) else ""
    if table.chosen_on_test and metric.startswith("test_"):
        unit += f" {OPTIMISTIC}"
    both = {"mean", "std"} <= set(table.stats)
    marks = _marks(table, metric)
    made = []
    for stat in table.stats:
        if both and stat in ("mean", "std"):
            if stat == "mean":
                cells = [
                    mean_and_std(row.statistics[metric], metric) + behind
                    for row, behind in zip(table.rows, marks, strict=True)
                ]
                made.append(Column(words(metric) + unit, cells, number=True))
            continue
        cells = [one(getattr(row.statistics[metric], stat), metric) for row in table.rows]
        if stat == "mean":
            cells = [cell + behind for cell, behind in zip(cells, marks, strict=True)]
        head = f"{words(metric)} {_STAT_WORDS.get(stat, stat)}{unit}"
        made.append(Column(head, cells, number=True))
    return made


def _marks(table: Table, metric: str) -> list[str]:
    """What follows the mean of each row: its mark, or the room of one."""
    if not any(metric in row.against_best for row in table.rows):
        return [""] * len(table.rows)
    known = (row.against_best for row in table.rows)
    return [f" {mark(one[metric]) if metric in one else '':1}" for one in known]
