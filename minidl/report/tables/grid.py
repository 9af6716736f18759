"""A table as heads and cells of text, for all formats that people read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minidl.report.members.measures import words
from minidl.report.members.settings import heads, labels
from minidl.report.tables.numbers import MISSING, mean_and_std, one
from minidl.report.tables.table import Row, Table
from minidl.report.tables.verdicts import mark
from minidl.scores import is_share

_STAT_WORDS = {"ci95": "± 95 % CI"}


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
    both = {"mean", "std"} <= set(table.stats)
    made = []
    for stat in table.stats:
        if both and stat in ("mean", "std"):
            if stat == "mean":
                cells = [
                    _marked(mean_and_std(row.statistics[metric], metric), row, table, metric)
                    for row in table.rows
                ]
                made.append(Column(words(metric) + unit, cells, number=True))
            continue
        cells = [one(getattr(row.statistics[metric], stat), metric) for row in table.rows]
        if stat == "mean":
            rows = zip(cells, table.rows, strict=True)
            cells = [_marked(cell, row, table, metric) for cell, row in rows]
        head = f"{words(metric)} {_STAT_WORDS.get(stat, stat)}{unit}"
        made.append(Column(head, cells, number=True))
    return made


def _marked(cell: str, row: Row, table: Table, metric: str) -> str:
    """A mean with its mark, or with the room of one."""
    if not any(metric in other.against_best for other in table.rows):
        return cell
    return f"{cell} {mark(row.against_best[metric]) if metric in row.against_best else '':1}"
