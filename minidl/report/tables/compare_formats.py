"""A comparison as text: a column per side, a row per setting and metric that differ."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minidl.report.members.measures import words
from minidl.report.members.paired import Difference
from minidl.report.members.settings import Value, show
from minidl.report.tables.compare import Comparison
from minidl.report.tables.escape import csv_text, line, markdown, wrapped
from minidl.report.tables.grid import Column
from minidl.report.tables.numbers import MISSING, mean_and_std, one
from minidl.report.tables.plain import column_blocks
from minidl.report.tables.verdicts import verdict
from minidl.scores import is_share

_MOST_VALUES = 4  # of a group's values for one key, in a cell


def as_table(comparison: Comparison, width: int | None = None, *, bold: bool = False) -> str:
    """Aligned lines, then notes."""
    made = _columns(comparison)
    parts = []
    for head, *rows in column_blocks(made, width):
        strong = [f"\033[1m{row}\033[0m" if bold else row for row in head.split("\n")]
        parts.append("\n".join([*strong, *rows]))
    starred = any(comparison.best(metric) is not None for metric in comparison.metrics)
    said = [*(["* the best"] if starred else []), *verdicts(comparison), *comparison.notes]
    notes = ["\n".join(wrapped(line(one), width) for one in said)] if said else []
    return "\n\n".join([*parts, *notes]) + "\n"


def as_markdown(comparison: Comparison) -> str:
    made = _columns(comparison)
    rows = [[markdown(column.head) for column in made], [" --- "] * len(made)]
    rows += [list(map(markdown, cells)) for cells in zip(*(c.cells for c in made), strict=True)]
    lines = ["|" + "|".join(f" {cell.strip()} " for cell in row) + "|" for row in rows]
    said = [*verdicts(comparison), *comparison.notes]
    notes = ["", *(f"- {markdown(note)}" for note in said)] if said else []
    return "\n".join([*lines, *notes]) + "\n"


def as_csv(comparison: Comparison) -> str:
    """A row per setting and metric; metrics with all digits, a row each for mean, std and n."""
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(["key", *(csv_text(side.name) for side in comparison.sides)])
    for key, values in comparison.settings.items():
        writer.writerow([csv_text(key), *map(_csv_values, values)])
    for metric, statistics in comparison.metrics.items():
        for stat in ("n", "mean", "std"):
            cells = [_finite(getattr(of, stat)) for of in statistics]
            writer.writerow(
                [f"{metric}_{stat}", *("" if cell is None else repr(cell) for cell in cells)]
            )
    return content.getvalue()


def as_json(comparison: Comparison, plot: Path | None = None) -> str:
    sides = [
        {
            "name": side.name,
            "path": str(side.path),
            "status": side.status,
            "members": [member.name for member in side.group.members],
        }
        for side in comparison.sides
    ]
    settings = {
        key: [[_finite(item) for item in value] for value in values]
        for key, values in comparison.settings.items()
    }
    metrics = {
        metric: [{s: _finite(getattr(of, s)) for s in ("n", "mean", "std")} for of in statistics]
        for metric, statistics in comparison.metrics.items()
    }
    content = {
        "runs": sides,
        "settings": settings,
        "metrics": metrics,
        "plot": str(plot) if plot else None,
        "differences": [_json_difference(comparison, *one) for one in comparison.differences],
        "notes": [*verdicts(comparison), *comparison.notes],
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def verdicts(comparison: Comparison) -> list[str]:
    """A sentence for each telling pair of sides."""
    names = [side.name for side in comparison.sides]
    return [verdict(one, names[i], names[j]) for i, j, one in comparison.telling if one.n > 1]


def _json_difference(comparison: Comparison, i: int, j: int, one: Difference) -> dict[str, Any]:
    """What the first side has over the second."""
    return {
        "sides": [comparison.sides[i].name, comparison.sides[j].name],
        "metric": one.metric,
        "n": one.n,
        "diverged": list(one.diverged),
        "mean": _finite(one.of.mean),
        "ci95": _finite(one.of.ci95),
        "p": _finite(one.p),
        "seeds_needed": one.seeds,
    }


def _columns(comparison: Comparison) -> list[Column]:
    """Settings, then status and metrics; the best of each metric is starred."""
    sides = comparison.sides
    heads = [*comparison.settings, "status"]
    cells: list[list[str]] = [[_values(value) for value in v] for v in comparison.settings.values()]
    cells.append([side.status for side in sides])
    for metric, statistics in comparison.metrics.items():
        heads.append(words(metric) + (" (%)" if is_share(metric) else ""))
        best = comparison.best(metric)
        said = [mean_and_std(of, metric) if of.n else MISSING for of in statistics]
        cells.append([f"{cell} *" if i == best else cell for i, cell in enumerate(said)])
        if len(sides) == 2 and all(of.n for of in statistics) and comparison.like(metric):
            cells[-1].append(_difference(statistics[1].mean - statistics[0].mean, metric))
    columns = [Column("", heads, number=False, key=True)]
    for index, side in enumerate(sides):
        columns.append(Column(side.name, [row[index] for row in cells], number=False))
    if len(sides) == 2:
        last = [row[2] if len(row) > 2 else "" for row in cells]
        columns.append(Column("difference", last, number=False))
    return columns


def _difference(value: float, metric: str) -> str:
    return f"{'+' if value > 0 else ''}{one(value, metric)}"


def _values(values: Sequence[Value]) -> str:
    if not values:
        return MISSING
    more = f", … ({len(values)})" if len(values) > _MOST_VALUES else ""
    return ", ".join(map(show, values[:_MOST_VALUES])) + more


def _csv_values(values: Sequence[Value]) -> Any:
    if len(values) == 1 and isinstance(values[0], (int, float)):
        return show(values[0])
    return csv_text(", ".join(map(show, values)))


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
