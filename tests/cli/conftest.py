"""What the tests of commands share."""

from __future__ import annotations

import pytest


@pytest.fixture
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes a hundred times as long as a small training."""
    monkeypatch.setattr("minidl.report.plots.draw_run", lambda folder: [])
