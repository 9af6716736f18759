"""What there is to say of one run alone: its metrics by part, its classes, what it confuses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidl.report.members.collect import Member
from minidl.report.members.decision import class_of, counts
from minidl.report.members.measures import words
from minidl.report.members.run_view import RunView
from minidl.report.tables.grid import Column
from minidl.report.tables.numbers import one
from minidl.scores import ALWAYS, MORE, PARTS, is_share

MOST_CLASSES = 30  # of more, the confusion matrix is only drawn


@dataclass(frozen=True)
class Single:
    """A table about one run: columns for people, and the same as plain values."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]


def singles(member: Member) -> list[Single]:
    """The tables about a run. Raises RunError where its predictions are damaged."""
    made = [_metrics(member)]
    view = RunView.read(member.folder)
    if view.classification and "test_output" in view.predictions:
        _, target, output = view.part("test")
        predicted = class_of(output, view.decision)
        classes = max(view.classes, int(predicted.max(initial=0)) + 1)
        table = counts(target, predicted, classes)
        names = [view.class_name(index) for index in range(classes)]
        made.append(_classes(table, names))
        if classes <= MOST_CLASSES:
            made.append(_confusion(table, names))
    return [single for single in made if single.rows]


def _metrics(member: Member) -> Single:
    """A row for each metric, a column for each part."""
    parts = [p for p in PARTS if math.isfinite(member.value(f"{p}_loss"))]
    values = {
        name: {part: member.value(f"{part}_{name}") for part in parts} for name in (*ALWAYS, *MORE)
    }
    known = {name: of for name, of in values.items() if any(map(math.isfinite, of.values()))}
    heads = [words(name) + (" (%)" if is_share(name) else "") for name in known]
    columns = [Column("metric", heads, number=False, key=True)]
    for part in parts:
        cells = [one(of[part], f"{part}_{name}") for name, of in known.items()]
        columns.append(Column(part, cells, number=True))
    rows = [{"metric": name, **of} for name, of in known.items()]
    return Single("metrics", "Metrics", columns, rows)


def _classes(table: np.ndarray, names: Sequence[str]) -> Single:
    """Precision, recall and F1 of each class, and how many test samples it has."""
    rows = list(_by_class(table, names))
    columns = [Column("class", list(names), number=False, key=True)]
    for key in ("precision", "recall", "f1"):
        cells = [f"{row[key]:.4f}" for row in rows]
        columns.append(Column(words(key), cells, number=True))
    columns.append(Column("support", [f"{row['support']:,}" for row in rows], number=True))
    return Single("classes", "Classes, test part", columns, rows)


def _by_class(table: np.ndarray, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What would be 0 / 0 is 0, as in scikit-learn."""
    support, taken = table.sum(1).tolist(), table.sum(0).tolist()
    for c, name in enumerate(names):
        found = int(table[c, c])
        yield {
            "class": name,
            "precision": found / taken[c] if taken[c] else 0.0,
            "recall": found / support[c] if support[c] else 0.0,
            "f1": 2 * found / (taken[c] + support[c]) if taken[c] + support[c] else 0.0,
            "support": support[c],
        }


def _confusion(table: np.ndarray, names: Sequence[str]) -> Single:
    """True classes as rows, predicted ones as columns; zeros stay blank."""
    columns = [Column("true \\ predicted", list(names), number=False, key=True)]
    for c, name in enumerate(names):
        columns.append(Column(name, [f"{n:,}" if n else "" for n in table[:, c]], number=True))
    rows = [
        {"class": name, "predicted": row.tolist()} for name, row in zip(names, table, strict=True)
    ]
    return Single("confusion", "Confusion matrix, test part", columns, rows)
