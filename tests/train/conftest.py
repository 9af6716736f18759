"""What the tests of training share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_plots(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes a hundred times as long as these trainings; a test may ask for `plots`."""
    if "plots" not in request.fixturenames:
        monkeypatch.setattr("minidl.report.plots.draw_run", lambda folder: [])


@pytest.fixture
def plots() -> None:
    """Asks for the plots to be drawn."""
