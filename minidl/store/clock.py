"""The time as people here read it."""

from __future__ import annotations

from datetime import UTC, datetime


def local(moment: datetime) -> datetime:
    """In the time zone of here; in UTC where TZ names none that there can be, such as UTC+999."""
    try:
        return moment.astimezone()
    except ValueError:
        return moment.astimezone(UTC)


def now() -> datetime:
    """This moment, with its time zone."""
    return local(datetime.now(UTC))
