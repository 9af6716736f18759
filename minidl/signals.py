"""A first Ctrl-C, SIGTERM or SIGHUP asks for an orderly end; a second one ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class Received:
    """Which signal came first, if any."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    @property
    def exit_code(self) -> int:
        """What a shell reports of a process that died of it: 130 for Ctrl-C."""
        return 128 + self.signal if self.signal else 0


@contextmanager
def orderly_end(request_stop: Callable[[], None]) -> Iterator[Received]:
    """Call `request_stop` at the first signal and let the next one do what it always does.

    Outside the main thread nothing is changed: signals never arrive there.
    """
    received = Received()
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def first(number: int, frame: FrameType | None) -> None:
        received.signal = signal.Signals(number)
        for one, handler in before.items():
            signal.signal(one, handler)
        request_stop()

    before = {one: signal.signal(one, first) for one in SIGNALS}
    try:
        yield received
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
