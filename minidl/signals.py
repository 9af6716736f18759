"""A first Ctrl-C, SIGTERM or SIGHUP asks for an orderly end; a second one ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
SIGNALS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


class Received:
    """Which signal came first, if any."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    @property
    def exit_code(self) -> int:
        """What a shell reports of a process that died of it: 130 for Ctrl-C."""
        return 128 + self.signal if self.signal else 0


# Everyone who is to be told: the outermost installs the handlers.
_listeners: list[tuple[Received, Callable[[], None]]] = []


@contextmanager
def orderly_end(request_stop: Callable[[], None]) -> Iterator[Received]:
    """Call `request_stop` at the first signal and let the next one do what it always does.

    Nested ones are all told. Outside the main thread nothing is changed: signals never arrive
    there.
    """
    received = Received()
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    # What is ignored stays so: nohup and a shell's background jobs ask for that.
    wanted = [one for one in SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]
    before = {} if _listeners else {one: signal.signal(one, _tell_all) for one in wanted}
    _listeners.append((received, request_stop))
    if first := _listeners[0][0].signal:  # it came before this one could be told
        received.signal = first
        request_stop()
    try:
        yield received
    finally:
        _listeners.pop()
        for one, handler in before.items():
            signal.signal(one, handler)


def _tell_all(number: int, frame: FrameType | None) -> None:
    for one in SIGNALS:
        if signal.getsignal(one) is _tell_all:
            is_interrupt = one == signal.SIGINT
            signal.signal(one, signal.default_int_handler if is_interrupt else signal.SIG_DFL)
    for received, request_stop in _listeners:
        received.signal = signal.Signals(number)
        request_stop()
