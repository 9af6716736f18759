"""Whose a metric's variance is, as a table."""

from __future__ import annotations

from dataclasses import asdict

from minidl.plural import plural
from minidl.report.members.measures import words
from minidl.report.members.shares import Shares
from minidl.report.tables.numbers import one
from minidl.report.tables.sheet import Field, Sheet
from minidl.scores import is_share


def sheet_of(found: Shares) -> Sheet:
    """A row for each cause."""
    unit = " (points)" if is_share(found.metric) else ""
    fields = [
        Field("", lambda r: r["of"], number=False, key=True),
        Field("share of the variance (%)", lambda r: f"{100 * r['share']:.1f}"),
        Field(f"std{unit}", lambda r: one(r["std"], found.metric)),
    ]
    title = f"What {words(found.metric)} varies by ({plural(found.runs, 'run')})"
    return Sheet("variance", title, fields, [asdict(share) for share in found.shares])


def notes_of(found: Shares) -> list[str]:
    """What the table means."""
    return [
        "Shares add up to 100 %. A pair's is what two keys do together beyond what each does "
        "alone. The seeds' noise is taken out of the keys' shares.",
        *found.notes,
    ]
