"""What the tests of sweeps start from."""

from __future__ import annotations

import pytest

from minidl.sweep import worker


@pytest.fixture
def progress_at_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers tell of each epoch, however short."""
    monkeypatch.setattr(worker, "EVENT_SECONDS", -1.0)
