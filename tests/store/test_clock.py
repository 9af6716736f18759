"""The time of day, in any time zone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from minidl.store import clock

MOMENT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def zone_of_the_machine() -> Iterator[None]:
    yield
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "hour"),
    [("UTC", 3), ("UTC-2", 5), ("UTC+999", 3), ("Nowhere/None", 3), (":/dev/zero", 3)],
)
def test_a_moment_is_local_where_there_is_such_a_zone(
    zone: str, hour: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        assert clock.local(MOMENT) == MOMENT
        assert clock.local(MOMENT).hour == hour
        assert clock.now().utcoffset() is not None
