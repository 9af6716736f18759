"""A report as text: table, CSV, Markdown, LaTeX, JSON. (HTML has a file of its own.)"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from minidl.report.tables.document import Document
from minidl.report.tables.escape import csv_text, latex, line, markdown, wrapped
from minidl.report.tables.grid import Column, grid
from minidl.report.tables.plain import column_blocks
from minidl.report.tables.table import Row, Table

_UNIT = re.compile(r"\s*±\s*")


def as_table(document: Document, width: int | None = None, *, bold: bool = False) -> str:
    """Aligned lines; with a `width`, cut so that none is longer, where that is possible.

    `bold` sets titles and heads off, for a terminal that can.
    """

    parts = []
    for table in document.tables:
        if not table.rows:
            continue  # all runs are damaged, and the remarks say why
        parts.append(plain_table(grid(table), table.title, width, bold=bold))
    for single in document.singles:
        parts.append(plain_table(single.columns, single.title, width, bold=bold))
    if document.remarks:
        parts.append("\n".join(wrapped(line(remark), width) for remark in document.remarks))
    return "\n\n".join(parts) + "\n"


def plain_table(
    made: Sequence[Column], title: str = "", width: int | None = None, *, bold: bool = False
) -> str:
    """The columns as aligned lines, the title above them."""

    def strong(text: str) -> str:
        return "\n".join(f"\033[1m{row}\033[0m" for row in text.split("\n")) if bold else text

    heading = [strong(line(title))] if title else []
    cut = ["\n".join([strong(head), *rows]) for head, *rows in column_blocks(made, width)]
    return "\n".join([*heading, "\n\n".join(cut)])


def as_csv(table: Table) -> str:
    """All digits; an empty cell where there is no value."""
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    stats = [(metric, stat) for metric in table.metrics for stat in table.stats]
    heads = [*table.keys, "n", *table.counts, *(f"{metric}_{stat}" for metric, stat in stats)]
    writer.writerow(map(csv_text, heads))
    for row in table.rows:
        settings = [csv_cell(row.settings.get(key)) for key in table.keys]
        counts = [row.counts[name] for name in table.counts]
        numbers = [csv_cell(getattr(row.statistics[metric], stat)) for metric, stat in stats]
        writer.writerow([*settings, row.n, *counts, *numbers])
    return content.getvalue()


def as_json(document: Document) -> str:
    """All digits; null where there is no value."""
    content: dict[str, Any] = {
        "tables": [_json_table(table) for table in document.tables],
        "figures": [str(drawn.path) for drawn in document.figures if drawn.path],
        "broken": [{"path": str(b.path), "problem": b.problem} for b in document.broken],
        "notes": list(document.notes),
    }
    if document.singles:
        content["run"] = {
            single.name: [_finite_row(row) for row in single.rows] for single in document.singles
        }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def titled(document: Document) -> Iterator[tuple[str, Sequence[Column]]]:
    """The title and the columns of each table."""
    yield from ((table.title, grid(table)) for table in document.tables)
    yield from ((single.title, single.columns) for single in document.singles)


def as_markdown(document: Document) -> str:
    parts = [markdown_table(made, title) for title, made in titled(document)]
    if document.remarks:
        parts.append("\n".join(f"- {markdown(remark)}" for remark in document.remarks))
    return "\n\n".join(parts) + "\n"


def markdown_table(made: Sequence[Column], title: str = "") -> str:
    """The columns as a table of GitHub's, the title above it."""
    rule = [" ---: " if column.number else " --- " for column in made]
    lines = [_pipes(f" {markdown(column.head)} " for column in made), _pipes(rule)]
    lines += [
        _pipes(f" {markdown_cell(cell, column.number)} " for cell, column in cells)
        for cells in _rows(made)
    ]
    return "\n".join([*([f"**{markdown(title)}**", ""] if title else []), *lines])


def as_latex(document: Document) -> str:
    r"""A table environment each; needs `\usepackage{booktabs}`."""
    parts = [latex_table(made, title) for title, made in titled(document)]
    remarks = [f"% {line(remark)}" for remark in document.remarks]
    return "\n".join(["% needs \\usepackage{booktabs}", *parts, *remarks]) + "\n"


def markdown_cell(cell: str, number: bool) -> str:
    """Numbers are ours: a minus sign in them isn't a list."""
    return cell if number else markdown(cell)


def latex_table(made: Sequence[Column], title: str = "") -> str:
    """The columns as a table environment, the title as its caption."""
    align = "".join("r" if column.number else "l" for column in made)
    caption = [f"  \\caption{{{latex(title)}}}"] if title else []
    heads = " & ".join(_math(latex(column.head)) for column in made)
    rows = [
        "    " + " & ".join(_math(latex(cell)) for cell, _ in cells) + r" \\"
        for cells in _rows(made)
    ]
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            *caption,
            f"  \\begin{{tabular}}{{{align}}}",
            r"    \toprule",
            f"    {heads} \\\\",
            r"    \midrule",
            *rows,
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
        ]
    )


def _math(text: str) -> str:
    """Signs of our own that LaTeX has in mathematics alone."""
    text = _UNIT.sub(r" $\\pm$ ", text).replace("–", "--")
    text = text.replace("≈", r"$\approx$").replace("†", r"$\dagger$")
    return text.replace("R²", "$R^2$").replace("∂", r"$\partial$")


def _rows(made: Sequence[Column]) -> list[list[tuple[str, Column]]]:
    """Each row's cells with their columns."""
    cells = zip(*(column.cells for column in made), strict=True)
    return [list(zip(row, made, strict=True)) for row in cells]


def _pipes(cells: Any) -> str:
    return f"|{'|'.join(cells)}|"


def csv_cell(value: Any) -> Any:
    """Numbers exactly, never with an apostrophe; no value as nothing."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    return value if isinstance(value, int) else csv_text(value)


def _json_table(table: Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "title": table.title,
        "chosen_on_test": list(table.chosen_on_test),
        "rows": [_json_row(r, table) for r in table.rows],
    }


def _json_row(row: Row, table: Table) -> dict[str, Any]:
    metrics = {
        metric: {stat: _finite(getattr(row.statistics[metric], stat)) for stat in table.stats}
        for metric in table.metrics
    }
    for metric, one in row.against_best.items():
        metrics[metric] |= {"p_against_best": None if one is None else _finite(one.p)}
    return {
        "settings": {key: _finite(value) for key, value in row.settings.items()},
        "n": row.n,
        **row.counts,
        "metrics": metrics,
        "runs": list(row.runs),
    }


def _finite_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _finite(value) for name, value in row.items()}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
