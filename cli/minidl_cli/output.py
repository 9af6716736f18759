"""What commands print: exact into files and pipes, harmless on a terminal."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from minidl.report.tables.escape import line, wrapped
from minidl.scores import is_share
from minidl.store.files import write_atomic
from minidl.store.run_folder import resume_command

_GAP = "  "


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
    print(f"{written}\n", end="")  # at once: a reader may leave before a line end of its own


def show_json(content: Any) -> None:
    """Print a result as a JSON document, in ASCII: stdout may have any encoding.

    Paths are texts; NaN and infinities, which JSON lacks, are null.
    """
    print(json.dumps(_strict(content), indent=2, allow_nan=False))


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _strict(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value


def show_text(text: Callable[[int | None, bool], str], output: Path | None) -> None:
    """Writes `text(width, bold)` into a file, or to stdout: as wide and bold as the terminal is."""
    if output is not None:
        write_atomic(output, text(None, False).encode())
        print(f"wrote {line(output)}", file=sys.stderr)
        return
    width, bold = None, False
    if sys.stdout.isatty():
        from rich.console import Console

        console = Console()
        width, bold = console.width, console.color_system is not None and not console.no_color
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ± or →
    print(text(width, bold), end="")


def say(text: str) -> None:
    """Print a message on stderr, on a terminal wrapped; one that is gone stops nothing."""
    with contextlib.suppress(OSError):
        width = _terminal_width() if sys.stderr.isatty() else None
        print(wrapped(harmless(text), width), file=sys.stderr)


def _terminal_width() -> int:
    """That of stderr, since stdout may be a pipe; COLUMNS goes first, as everywhere."""
    size = os.terminal_size((80, 24))
    with contextlib.suppress(OSError):
        size = os.get_terminal_size(2)
    return shutil.get_terminal_size(size).columns


def to_go_on(folder: Path) -> str:
    """What to type after an interruption."""
    return f"to go on: {resume_command(folder)}"


def measured(metric: str, value: float) -> str:
    """A metric as people read it: `98.1 %` of an accuracy, `0.01234` of a loss."""
    return f"{100 * value:.1f} %" if is_share(metric) else f"{value:.4g}"


def sizes(parts: Mapping[str, int]) -> str:
    """`800 training, 100 validation and 100 test samples`, of the samples of each part."""
    words = {"train": "training", "val": "validation", "test": "test"}
    *first, last = (f"{count:,} {words[part]}" for part, count in parts.items())
    return f"{', '.join(first)} and {last} sample{'s' * (parts['test'] != 1)}"


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def fitting(parts: Sequence[tuple[int, str]], room: int) -> str:
    """As many of the parts as there is room for, in their order; the lowest rank stays longest."""
    kept = list(parts)
    while len(kept) > 1 and len(_GAP.join(text for _, text in kept)) > room:
        kept.remove(max(reversed(kept), key=lambda part: part[0]))
    text = _GAP.join(text for _, text in kept)
    return text if len(text) <= room else text[: max(room - 1, 0)] + "…"


def write_any_character() -> None:
    """Where stdout's encoding lacks a character, such as η in ASCII, write its number instead."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not _is_utf8(sys.stdout.encoding):
        sys.stdout.reconfigure(errors="backslashreplace")


def _is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("-", "") == "utf8"


def harmless(text: str) -> str:
    """The text without characters that would move a terminal's cursor, but for line ends."""
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)
