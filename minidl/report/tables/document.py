"""What a report says, before it has a format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from minidl.report.members.collect import Broken
from minidl.report.tables.table import Table
from minidl.report.tables.verdicts import legend


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

    @property
    def remarks(self) -> list[str]:
        """What marks say, notes and damaged folders, a sentence each."""
        said = dict.fromkeys(filter(None, map(legend, self.tables)))
        damaged = [f"damaged and left out: {broken.problem}" for broken in self.broken]
        return [*said, *self.notes, *damaged]
