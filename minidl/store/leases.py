"""Leases: who may write into some folders, where a process can be thought dead and come back.

Who sends work grants a lease, a file; who does it takes the lease by writing a token of its own
there, in the place of an earlier one. Each of its operations on the disk then happens while the
file is locked and still has that token. So one that was stopped, and whose work another does by
now, ends at its next operation without carrying it out (`Fenced`).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minidl.errors import RunError
from minidl.store import files, folders, system

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

_FOLDER = ".leases"  # in the folder of the sweep
_MOST_BYTES = 1000
PATIENCE = 60.0  # seconds in which who holds a lock has written, unless it is stopped


class Fenced(BaseException):
    """Another has taken the lease, or it was revoked: nothing may be written any more."""


def grant(folder: Path) -> Path:
    """A new lease for work in a folder. Raises RunError where files have no locks."""
    folders.make(folder / _FOLDER)
    path = folder / _FOLDER / secrets.token_hex(8)
    files.write_atomic(path, _encoded(token="", taken=0, stop=False))
    with _locked(path, needed=True):
        return path


def ask_to_stop(path: Path) -> None:
    """Ask who has a lease to end in good order."""
    with _locked(path) as handle:
        if said := _read(handle):
            _write(handle, {**said, "stop": True})


def revoke(path: Path) -> int:
    """From now on nobody writes by it; returns how often it was taken.

    Raises RunError where it is being used by a process that doesn't go on.
    """
    taken = 0
    with contextlib.suppress(FileNotFoundError), _locked(path) as handle:
        said = _read(handle)
        taken = said.get("taken", 0)
        os.ftruncate(handle, 0)
    files.remove(path)
    return taken


def revoke_all(folder: Path) -> None:
    """The same of all leases of a folder, which another process may have left."""
    if files.is_folder(folder / _FOLDER):
        for path in files.entries(folder / _FOLDER):
            if not files.is_folder(path):
                revoke(path)


class Lease:
    """A lease that is taken. `taken`: how often it has been, this time included."""

    def __init__(self, path: Path) -> None:
        """Raises Fenced where it was revoked."""
        try:
            with _locked(path) as handle:
                said = _read(handle)
                if not said:
                    raise Fenced
                self._token, self.taken = secrets.token_hex(8), said["taken"] + 1
                _write(handle, {**said, "token": self._token, "taken": self.taken})
        except FileNotFoundError as error:
            raise Fenced from error
        self._path = path
        self._handle = _open(path)
        self._depth = self._batches = 0

    @property
    def asked_to_stop(self) -> bool:
        """Whether it is to end. Raises Fenced."""
        return bool(self._said()["stop"])

    @contextlib.contextmanager
    def fencing(self) -> Iterator[None]:
        """Inside, this thread's operations on the disk raise Fenced once it is another's."""
        try:
            with system.fenced(self._held):
                yield
        finally:
            os.close(self._handle)

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """Inside, the file is locked from the first operation to the end, not for each."""
        self._batches += 1
        try:
            yield
        finally:
            self._batches -= 1
            self._let_go()

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        if not self._depth:
            _lock(self._handle, self._path)
            self._depth = 1
        try:
            self._said()
            yield
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._depth and not self._batches:
            self._depth = 0
            _unlock(self._handle)

    def _said(self) -> dict[str, Any]:
        said = _read(self._handle)
        if said.get("token") != self._token:
            raise Fenced
        return said


# The file, which keeps its place: who has it open sees what others write.


def _encoded(**said: Any) -> bytes:
    return json.dumps(said).encode()


def _read(handle: int) -> dict[str, Any]:
    """What it says; nothing where it was revoked, or isn't whole after a power cut."""
    try:
        found = json.loads(os.pread(handle, _MOST_BYTES, 0))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _write(handle: int, said: dict[str, Any]) -> None:
    content = _encoded(**said).ljust(_MOST_BYTES)  # of one length, so that no rest is left
    os.pwrite(handle, content, 0)


def _open(path: Path) -> int:
    handle: int = system.disk(os.open, path, os.O_RDWR)
    return handle


@contextlib.contextmanager
def _locked(path: Path, *, needed: bool = False) -> Iterator[int]:
    handle = _open(path)
    try:
        _lock(handle, path, needed=needed)
        yield handle
    finally:
        os.close(handle)  # which unlocks it


def _lock(handle: int, path: Path, *, needed: bool = False) -> None:
    """`needed`: raise RunError where there are no locks; without them the token alone counts."""
    message = "a lost process has been writing for a minute, or is stopped while it writes: end it"
    deadline = time.monotonic() + PATIENCE
    while fcntl is not None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise RunError(f"{path}: {message}, and give the same command again") from error
            time.sleep(0.01)
        except OSError:
            break
    if needed:
        raise RunError(f"{path.parent}: has no locks on files here, which --cluster needs")


def _unlock(handle: int) -> None:
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)
