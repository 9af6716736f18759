"""What the tests of runs share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def plots_if_asked_for(request: pytest.FixtureRequest) -> None:
    """Nothing is drawn, unless a test asks for `plots`."""
    if "plots" not in request.fixturenames:
        request.getfixturevalue("no_plots")


@pytest.fixture
def plots() -> None:
    """Asks for the plots to be drawn."""
