"""One operation on the disk: all of them pass here, where tests count them, fail them or kill."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from minidl.errors import MinidlError, WriteError

AnyError = TypeVar("AnyError", bound=MinidlError)

# What is wrong with a name that the user gave; all else is the disk's.
_OF_THE_NAME = (
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL),
    *(errno.ENXIO, errno.ENODEV),
)
Fence = Callable[[], AbstractContextManager[None]]
_thread = threading.local()
_INTERRUPTIONS = 100  # attempts of one operation, where signals break it off


def disk(operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Carry out one operation on the disk.

    Again if it was interrupted (EINTR): Python itself tries again only reading and writing. What is
    to be closed is closed all the same, and its number may be another file's by then.
    """
    fence: Fence | None = getattr(_thread, "fence", None)
    if fence is None:
        return _carried_out(operation, *arguments, **options)
    with fence():
        return _carried_out(operation, *arguments, **options)


@contextlib.contextmanager
def fenced(fence: Fence) -> Iterator[None]:
    """Let `fence` stand around each operation of this thread (see leases.py)."""
    _thread.fence = fence
    try:
        yield
    finally:
        _thread.fence = None


def _carried_out(operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    if operation is os.close:
        with contextlib.suppress(InterruptedError):
            os.close(*arguments)
        return None
    for _ in range(_INTERRUPTIONS):
        try:
            return operation(*arguments, **options)
        except InterruptedError:
            continue
    return operation(*arguments, **options)


def as_failure(error: AnyError, cause: Exception) -> AnyError:
    """An error about a file that the user named; exits as a WriteError if the disk failed."""
    if isinstance(cause, OSError) and cause.errno not in _OF_THE_NAME:
        error.exit_code = 1
    return error


def reason(error: OSError) -> str:
    """The system's words for an error, in the lower case that fits after a colon."""
    words = error.strerror or str(error) or type(error).__name__
    return words[:1].lower() + words[1:]


def stat_of(path: str | os.PathLike[str], *, follow: bool = True) -> os.stat_result | None:
    """What the system says of a path, a link followed if asked; None where nothing is.

    Raises WriteError where it can't say: what can't be seen must not count as absent.
    """
    try:
        found: os.stat_result = disk(os.stat, path, follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the path
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise WriteError(f"{os.fspath(path)}: can't be read: {reason(error)}") from error
    return found
