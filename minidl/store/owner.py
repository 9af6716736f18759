"""Which process owns a temporary file or a lock, and whether it has ended.

A mark says it, as `5e1f0a9c-77d2b3e4-1234-98ab3f`: machine, boot, process, and when that started.
Only what this machine can be sure of counts. A process of another machine, or of a container that
numbers its own, may always be alive.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
from functools import cache
from pathlib import Path

PATTERN = r"[0-9a-f]{8}-[0-9a-f]{8}-[0-9]+-[0-9a-f]+"  # of a mark


def mark() -> str:
    """This process's."""
    return _mark(os.getpid())  # after a fork it is another one


def has_ended(mark: str) -> bool:
    """Whether a mark's process has ended for certain."""
    if not (re.fullmatch(PATTERN, mark) and is_near(mark)):
        return False
    _, boot, number, start = mark.split("-")
    if boot != _mark(os.getpid()).split("-")[1]:
        return True
    try:
        os.kill(int(number), 0)  # signal 0 only asks
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass  # it is another user's, or nobody's number
    found = _start(int(number))
    return found is not None and int(start, 16) not in (0, found)


def is_near(mark: str) -> bool:
    """Whether the process is one of this machine, so that `has_ended` knows."""
    return os.name == "posix" and mark.split("-")[0] == _mark(os.getpid()).split("-")[0]


@cache
def _mark(pid: int) -> str:
    try:
        numbering = str(Path("/proc/self/ns/pid").readlink())  # a container may have its own
    except OSError:
        numbering = ""
    machine = f"{platform.node()} {_said('/etc/machine-id')} {numbering}"
    boot = _said("/proc/sys/kernel/random/boot_id")
    return f"{_digest(machine)}-{_digest(boot)}-{pid}-{_start(pid) or 0:x}"


def _start(pid: int) -> int | None:
    """When a process started, in ticks since the boot; -1 if it has ended, None if unknown."""
    # The first two words are its number and its name, which may hold anything.
    words = _said(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if len(words) < 20:
        return None
    return -1 if words[0] in "ZX" else int(words[19])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _said(path: str) -> str:
    """What the system says there; nothing where it doesn't."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
