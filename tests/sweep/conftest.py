"""What the tests of sweeps start from."""

from __future__ import annotations

import pytest

from minidl.sweep import stack_run


@pytest.fixture
def progress_at_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack tells of each epoch, however short."""
    monkeypatch.setattr(stack_run, "EVENT_SECONDS", -1.0)
