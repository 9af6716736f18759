"""The time of day, as run.json and locks have it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, in local time."""
    return local(datetime.now(UTC))


def local(moment: datetime) -> datetime:
    """A moment in local time; in UTC where $TZ is a day or more away, which Python refuses."""
    try:
        return moment.astimezone()
    except ValueError:
        return moment.astimezone(UTC)
