"""A command of minidl as a process: how long it takes, and how much memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

MINIDL = str(Path(sys.executable).parent / "minidl")


@dataclass(frozen=True)
class Measured:
    """One process: wall and processor time in seconds, the largest resident memory in bytes."""

    n: int
    wall: float
    processor: float
    memory: float


def run_minidl(arguments: list[str], folder: Path, code: int = 0, n: int = 0) -> Measured:
    """`minidl` in that folder. Exits where it ends with another code."""
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        process = subprocess.Popen([MINIDL, *arguments], cwd=folder, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != code:
            said.seek(0)
            words = said.read().decode()[-2000:]
            sys.exit(f"minidl {arguments[0]} ended with {process.returncode}, n = {n}:\n{words}")
    return Measured(n, wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024.0)
