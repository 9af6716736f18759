"""What commands print: exact into files and pipes, harmless on a terminal."""

from __future__ import annotations

import io
import sys
from pathlib import Path


def show(text: str | Path) -> None:
    """Print a result, such as a path, on stdout.

    A script gets every byte of it; on a terminal, characters that would move its cursor or turn
    the writing are replaced.
    """
    written = str(text)
    if sys.stdout.isatty():
        written = harmless(written)
    elif isinstance(sys.stdout, io.TextIOWrapper) and _is_utf8(sys.stdout.encoding):
        sys.stdout.reconfigure(errors="surrogateescape")  # a file's name may be any bytes
    print(written)


def write_any_character() -> None:
    """Where stdout's encoding lacks a character, such as η in ASCII, write its number instead."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not _is_utf8(sys.stdout.encoding):
        sys.stdout.reconfigure(errors="backslashreplace")


def _is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("-", "") == "utf8"


def harmless(text: str) -> str:
    """The text without characters that would move a terminal's cursor, but for line ends."""
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)
