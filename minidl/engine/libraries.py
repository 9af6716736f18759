"""The compiled libraries that are kept from one process to the next.

They lie in $XDG_CACHE_HOME/minidl (else ~/.cache/minidl), where any number of processes may use
them at once: each is written under another name and renamed, its name says what it was made of and
which bytes it has, and what isn't whole is made again. Where that folder can't be written, a
temporary one serves for this process alone.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import hashlib
import os
import shutil
import tempfile
import time
from functools import cache
from pathlib import Path

from minidl.errors import CompilerError

KEPT = 500  # libraries
PARTIAL = ".partial-"  # how the folder of a compilation under way begins
ABANDONED = 86400.0  # seconds after which one that lies there belongs to nobody


def load(path: Path) -> ctypes.CDLL:
    """Raises CompilerError."""
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise CompilerError(f"what the compiler made can't be loaded: {error}") from None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:24]


def kept(folder: Path, key: str) -> ctypes.CDLL | None:
    """What was compiled before, if its bytes are still those that were written."""
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{key}-*.so"):
            if path.stem.partition("-")[2] != _digest(path.read_bytes()):
                path.unlink(missing_ok=True)
                continue
            with contextlib.suppress(OSError):  # a cache that may only be read
                os.utime(path)
            with contextlib.suppress(CompilerError):
                return load(path)
    return None


def keep(made: Path, folder: Path, key: str) -> None:
    """Move a library, which is loaded by now, into the cache, if that can be written."""
    with contextlib.suppress(OSError):
        made.rename(folder / f"{key}-{_digest(made.read_bytes())}.so")
        _prune(folder)


def _prune(folder: Path) -> None:
    """Drop what was used longest ago, and what killed processes left half done."""
    used = sorted(((path.stat().st_mtime, path) for path in folder.glob("*.so")), reverse=True)
    for _, path in used[KEPT:]:
        path.unlink(missing_ok=True)
    for path in folder.glob(f"{PARTIAL}*"):
        if time.time() - path.stat().st_mtime > ABANDONED:
            shutil.rmtree(path, ignore_errors=True)


def cache_folder() -> Path | None:
    """None where there is no such folder and none can be made."""
    try:
        given = os.environ.get("XDG_CACHE_HOME", "")
        base = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
        folder = base / "minidl"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # without a home: RuntimeError
        return None
    return folder


def temporary_folder() -> Path | None:
    return _temporary_folder_of(os.getpid())


@cache
def _temporary_folder_of(process: int) -> Path | None:
    """Made at the first need, removed when the process ends; a forked child has its own."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="minidl-"))
    except OSError:
        return None
    atexit.register(_remove, folder, process)
    return folder


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
