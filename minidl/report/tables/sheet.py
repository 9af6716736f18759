"""Tables of records: what `check` and `bench` measured, in the formats of a report."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minidl.report.tables.escape import csv_text, line, markdown, wrapped
from minidl.report.tables.formats import csv_cell, latex_table, markdown_table, plain_table
from minidl.report.tables.grid import Column

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """A column for people: its head, and its cell for a record."""

    head: str
    show: Callable[[Record], str]
    number: bool = True
    key: bool = False


@dataclass(frozen=True)
class Sheet:
    """Records of plain values, all with the same names, and the columns in which they are read."""

    name: str
    title: str
    fields: Sequence[Field]
    records: Sequence[Record]

    def columns(self) -> list[Column]:
        """The fields with a cell per record."""
        return [
            Column(of.head, [of.show(record) for record in self.records], of.number, of.key)
            for of in self.fields
        ]


def as_text(
    sheets: Sequence[Sheet],
    notes: Sequence[str],
    format: str,
    width: int | None = None,
    *,
    bold: bool = False,
) -> str:
    """The sheets in one of the formats table, md, latex, csv and json; csv has no notes."""
    if format == "json":
        return _json(sheets, notes)
    if format == "csv":
        return _csv(sheets)
    if format == "md":
        tables = [markdown_table(sheet.columns(), sheet.title) for sheet in sheets]
        return "\n\n".join([*tables, *map(markdown, notes)]) + "\n"
    if format == "latex":
        tables = [latex_table(sheet.columns(), sheet.title) for sheet in sheets]
        said = [f"% {line(note)}" for note in notes]
        return "\n".join(["% needs \\usepackage{booktabs}", *tables, *said]) + "\n"
    tables = [plain_table(sheet.columns(), sheet.title, width, bold=bold) for sheet in sheets]
    said = ["\n".join(wrapped(line(note), width) for note in notes)] if notes else []
    return "\n\n".join([*tables, *said]) + "\n"


def _csv(sheets: Sequence[Sheet]) -> str:
    """All digits. Several sheets describe the same records, so that one line tells all of each."""
    records = [dict[str, Any]() for _ in sheets[0].records]
    for sheet in sheets:
        for whole, record in zip(records, sheet.records, strict=True):
            whole.update(record)
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow([csv_text(name) for name in records[0]])
    writer.writerows([csv_cell(value) for value in record.values()] for record in records)
    return content.getvalue()


def _json(sheets: Sequence[Sheet], notes: Sequence[str]) -> str:
    """All digits; null where there is no value."""
    tables = [
        {
            "name": sheet.name,
            "title": sheet.title,
            "rows": [
                {name: _finite(value) for name, value in record.items()} for record in sheet.records
            ],
        }
        for sheet in sheets
    ]
    return json.dumps({"tables": tables, "notes": list(notes)}, indent=2, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
