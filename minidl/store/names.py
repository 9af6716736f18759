"""Names of run folders: which are safe, and how one that nobody chose is made."""

from __future__ import annotations

import hashlib
import re
import time
import unicodedata
from datetime import datetime

from minidl.errors import RunError

LONGEST_NAME = 200  # bytes: with date, time and hash still under the 255 of common file systems

# Windows has no such files; `C:x` lies on another drive there, `nul` is a device.
_NOWHERE_ELSE = frozenset('<>:"|?*')
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?", re.IGNORECASE)


def fault(name: str, longest: int = LONGEST_NAME) -> str | None:
    """What makes `name` unsafe as the name of one folder inside another; None if nothing does.

    Refused: separators and what else Windows knows no file with, control and formatting characters
    (NUL, bidi marks), names that begin with a dot, dash or space or end with a dot or space, and
    more than `longest` bytes.
    """
    if not name:
        return "must not be empty"
    if any(map(_moves, name)):
        return "must not hold control characters"
    if "/" in name or "\\" in name:
        return "must not hold / or \\"
    if _NOWHERE_ELSE & {*name}:
        return 'must not hold < > : " | ? or *, so that every system can store it'
    if name[0] in ".- " or name[-1] in ". ":
        return "must begin with no dot, dash or space, and end with no dot or space"
    if _DEVICE.fullmatch(name):
        return "is a device on Windows: choose another"
    if len(name.encode()) > longest:
        return f"must have at most {longest} bytes, but has {len(name.encode())}"
    return None


def check_name(name: str) -> None:
    """Raises RunError unless `name` is safe: see `fault`."""
    if wrong := fault(name):
        shown = ascii(name) if len(name) <= 40 else f"{name[:40]!a}…"
        folder = " (use --runs-dir for another folder)" if "/" in name or "\\" in name else ""
        raise RunError(f"run name {shown}: {wrong}{folder}")


def clean_name(text: str, longest: int = LONGEST_NAME) -> str:
    """The text with what can't stand in a run's name replaced or cut off."""
    kept = "".join("_" if _moves(c) or c in _NOWHERE_ELSE or c in "/\\" else c for c in text)
    cut = kept.lstrip(".- ").encode()[: longest - 1].decode("utf-8", "ignore").rstrip(". ")
    return (f"_{cut}" if _DEVICE.fullmatch(cut) else cut) or "config"


def unique_name(stem: str, config_text: str) -> str:
    """`<stem>-<date>-<time>-<hash of config and time>`, in local time."""
    now = time.time_ns()
    digest = hashlib.sha256(f"{config_text}{now}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{stem}-{datetime.fromtimestamp(now / 1e9):%Y%m%d-%H%M%S}-{digest[:8]}"


def _moves(character: str) -> bool:
    """Whether a character moves a cursor, turns the writing or can't be written."""
    return unicodedata.category(character).startswith(("C", "Zl", "Zp"))
