"""A first Ctrl-C, SIGTERM or SIGHUP asks for an orderly end; a second one ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
SIGNALS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
# What an orderly end may take, in seconds; what takes longer (a huge step, data that are read, a
# slow disk) is left where it is, as by a second signal.
PATIENCE = 4.0


class Stopped(BaseException):  # no error, and not to be caught as one
    """Raised by a signal that is to end the program at once."""

    def __init__(self, number: int) -> None:
        self.signal = signal.Signals(number)
        self.exit_code = 128 + number
        super().__init__(f"by {self.signal.name}")


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
    """Call `request_stop` at the first signal; the next one raises Stopped, as the call itself may.

    So does an end that takes longer than PATIENCE. Nested ones are all told. Outside the main
    thread nothing is changed: signals never arrive there.
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
        if not _listeners:
            _forget_alarm()
        for one, handler in before.items():
            signal.signal(one, handler)


def is_stopping() -> bool:
    """Whether a signal has come, and an orderly end is on its way."""
    return any(received.signal for received, _ in _listeners)


def _tell_all(number: int, frame: FrameType | None) -> None:
    for one in SIGNALS:
        if signal.getsignal(one) is _tell_all:
            signal.signal(one, stop_at_once)
    for received, _ in _listeners:
        received.signal = signal.Signals(number)
    _set_alarm(number)
    for _, request_stop in list(_listeners):
        request_stop()


# The alarm as it was before this module set it: its handler, seconds left, seconds between two.
_alarm_before: tuple[Any, float, float] | None = None


def _set_alarm(number: int) -> None:
    """Raise Stopped when the orderly end takes too long."""
    global _alarm_before
    if hasattr(signal, "setitimer"):
        handler = signal.signal(signal.SIGALRM, lambda *_: stop_at_once(number))
        _alarm_before = (handler, *signal.setitimer(signal.ITIMER_REAL, PATIENCE))


def _forget_alarm() -> None:
    global _alarm_before
    if _alarm_before is not None:
        handler, *times = _alarm_before
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *times)
        _alarm_before = None


def stop_at_once(number: int, frame: FrameType | None = None) -> None:
    """A signal handler that raises Stopped."""
    raise Stopped(number)
