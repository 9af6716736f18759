"""What the tests of data start from."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that messages name a file without its folder."""
    monkeypatch.chdir(tmp_path)
