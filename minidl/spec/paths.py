"""Paths in configs: they start in the config's folder, so that both can move together."""

from __future__ import annotations

import os
from pathlib import Path

STDIN = Path("-")  # stands for standard input
# Where a config has its files, and beside each the SHA-256 that says which one it is.
HASHES = {
    f"{part}path": f"{part}sha256"
    for part in ("data.", "data.validation_", "data.test_", "model.init.")
}


def seen_from(path: Path, folder: Path | None) -> str:
    """The path relative to `folder` where both lie below a common one, else as it is.

    The home folder, and those above it, hold everything: what shares no more stays where it is if
    one of the two moves. Where links make a relative path ambiguous it stays absolute, too.
    """
    if folder is None or not path.is_absolute():
        return str(path)
    start = os.path.abspath(folder)  # noqa: PTH100, resolving would follow links
    common = os.path.commonpath([path, start])
    home = os.path.expanduser("~")  # noqa: PTH111, leaves `~` alone where there is no home
    if common == os.path.commonpath([common, home]) or common == os.path.sep:
        return str(path)
    relative = os.path.relpath(path, start)
    real = os.path.relpath(os.path.realpath(path.parent), os.path.realpath(start))
    return relative if str(Path(real) / path.name) == relative else str(path)


def path_in(folder: Path, text: str) -> Path:
    """The inverse: an absolute path. Links stay; `~` is the home folder, `-` standard input."""
    if text == str(STDIN):
        return STDIN
    # expanduser of os.path leaves `~` alone where there is no home.
    path = Path.cwd() / folder / os.path.expanduser(text)  # noqa: PTH111
    return Path(os.path.normpath(path))
