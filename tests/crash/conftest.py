"""What the tests of crashes start from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from crash.server import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A warm process that carries out commands."""
    started = Server()
    yield started
    started.close()
