"""What the tests of sweeps start from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kept_programs import keep_programs

from minidl.lanes import Programs
from minidl.sweep import worker


@pytest.fixture
def progress_at_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers tell of each epoch, however short."""
    monkeypatch.setattr(worker, "EVENT_SECONDS", -1.0)


@pytest.fixture(scope="module")
def kept_programs() -> Iterator[None]:
    """Each kind is compiled once for all that a file tries."""
    before = vars(Programs)["of"]
    keep_programs()
    yield
    Programs.of = before  # type: ignore[method-assign]
