"""What a report says, before it has a format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from minidl.report.members.collect import Broken
from minidl.report.tables.single import Single
from minidl.report.tables.table import Table
from minidl.report.tables.verdicts import legend, optimism


@dataclass(frozen=True)
class Drawn:
    """A figure, and where it was written."""

    name: str
    title: str
    png: bytes
    path: Path | None = None


@dataclass(frozen=True)
class Document:
    """Tables and figures; the folders that couldn't be read, and what else should be known."""

    title: str
    tables: Sequence[Table]
    figures: Sequence[Drawn] = ()
    broken: Sequence[Broken] = ()
    notes: Sequence[str] = ()
    singles: Sequence[Single] = ()  # of a report on one run

    @property
    def remarks(self) -> list[str]:
        """What marks say, notes and damaged folders, a sentence each."""
        told = (say(table) for say in (legend, optimism) for table in self.tables)
        said = dict.fromkeys(filter(None, told))
        damaged = [broken.note for broken in self.broken]
        return [*said, *self.notes, *damaged]


def topped(document: Document, count: int) -> Document:
    """With the first rows of each table alone, and a note where that leaves some out."""
    tables, notes = [], list(document.notes)
    for table in document.tables:
        tables.append(replace(table, rows=table.rows[:count]))
        if len(table.rows) > count:
            of = f" of {table.title or table.name}" if len(document.tables) > 1 else ""
            notes.append(f"the first {count:,} of {len(table.rows):,} rows{of}")
    return replace(document, tables=tables, notes=notes)
