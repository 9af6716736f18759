"""Names of run folders: which are safe, and how one that nobody chose is made."""

from __future__ import annotations

import hashlib
import time
import unicodedata
from datetime import datetime

from minidl.errors import RunError

_LONGEST_NAME = 200  # bytes: with date, time and hash still under the 255 of common file systems


def check_name(name: str) -> None:
    """Raises RunError unless `name` is safe as the name of one folder inside another.

    Refused: separators, control and formatting characters (NUL, bidi marks), names that begin with
    a dot, dash or space or end with a dot or space, and more than 200 bytes.
    """
    shown = ascii(name)
    if not name:
        raise RunError("a run's name must not be empty")
    if any(unicodedata.category(character).startswith("C") for character in name):
        raise RunError(f"run name {shown}: must not hold control characters")
    if "/" in name or "\\" in name:
        raise RunError(
            f"run name {shown}: must not hold / or \\ (use --runs-dir for another folder)"
        )
    if name[0] in ".- " or name[-1] in ". ":
        raise RunError(
            f"run name {shown}: must begin with no dot, dash or space, and end with no dot or space"
        )
    if len(name.encode()) > _LONGEST_NAME:
        raise RunError(
            f"run name {shown[:40]}…: must have at most {_LONGEST_NAME} bytes, "
            f"but has {len(name.encode())}"
        )


def unique_name(stem: str, config_text: str) -> str:
    """`<stem>-<date>-<time>-<hash of config and time>`, in local time."""
    now = time.time_ns()
    digest = hashlib.sha256(f"{config_text}{now}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{stem}-{datetime.fromtimestamp(now / 1e9):%Y%m%d-%H%M%S}-{digest[:8]}"
