"""The formats of figures, by a file's ending: PNG, and SVG and PDF for print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minidl.errors import RunError

FORMATS = ("png", "svg", "pdf")
# Without dates: the same figure has the same bytes.
METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": "minidl"},
    "svg": {"Creator": "minidl", "Date": None},
    "pdf": {"Creator": "minidl", "CreationDate": None},
}
# SVG names its parts by hashes; fonts in a PDF are TrueType, as journals want them.
SETTINGS: Any = {"svg.hashsalt": "minidl", "pdf.fonttype": 42}


def format_of(path: Path) -> str:
    """What a file's ending says, png without one. Raises RunError."""
    ending = path.suffix.lower().removeprefix(".") or "png"
    if ending not in FORMATS:
        raise RunError(f"{path}: a figure's name ends with .png, .svg or .pdf")
    return ending
