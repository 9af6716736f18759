"""The version stands in one place, and the package is found where people work."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import minidl

ROOT = Path(__file__).parent.parent


def test_the_version_is_that_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert minidl.__version__ == project["version"], "installed before it changed: run `make test`"


def test_the_newest_section_of_the_changelog_is_of_this_version() -> None:
    sections = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if "## [" in line]
    assert sections[0] == "## [Unreleased]"
    assert sections[1].startswith(f"## [{minidl.__version__}] - ")


def test_a_clone_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert minidl.__version__ == "unknown, as it isn't installed"


def test_in_the_folder_above_a_clone_its_package_is_found(tmp_path: Path) -> None:
    """And not the clone's folder: with no `__init__.py`, that would be an empty namespace."""
    (tmp_path / "minidl").symlink_to(ROOT, target_is_directory=True)
    code = "import minidl, minidl.errors; print(minidl.__all__, minidl.errors.__file__)"
    paths = os.pathsep.join(path for path in sys.path if "site-packages" in path)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    expected = f"{minidl.__all__} {tmp_path / 'minidl/minidl/errors.py'}\n"
    assert (done.stdout, done.stderr) == (expected, "")
