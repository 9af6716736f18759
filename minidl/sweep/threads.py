"""Workers as threads of this process: compiled code lets the interpreter go."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from minidl.runs.drive import Ending
from minidl.sweep.worker import News, Tell, Worker

PATIENCE = 1.0  # seconds that a worker may take to leave all as it lies


def run_threads(count: int, make: Callable[[Tell], Worker], tell: Tell, ending: Ending) -> None:
    """Let `count` workers work; `tell` is called in this thread. One works in this thread itself.

    Raises what a worker raises. Signals arrive in this thread, which waits.
    """
    if count <= 1:
        make(tell).run()
        return
    told: queue.SimpleQueue[list[News] | BaseException | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            make(lambda news: told.put(list(news))).run()
            told.put(None)
        except BaseException as error:
            told.put(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    try:
        for thread in threads:
            thread.start()
        while count:
            try:
                news = told.get(timeout=0.5)
            except queue.Empty:
                continue
            if isinstance(news, BaseException):
                raise news
            if news is None:
                count -= 1
            else:
                tell(news)
    except BaseException:
        ending.request_at_once()
        for thread in threads:
            if thread.ident is not None:
                thread.join(PATIENCE)
        raise
