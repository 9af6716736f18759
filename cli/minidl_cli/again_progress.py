"""A bar on a terminal for commands that train runs again before they have anything to show."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from minidl_cli.progress import BAR_WIDTH, REDRAW_SECONDS


@contextlib.contextmanager
def training_again() -> Iterator[Callable[[int, int], None]]:
    """What hears how many epochs of all are done; it shows nothing without a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns: list[Any] = [TextColumn("training again"), BarColumn(bar_width=BAR_WIDTH)]
    columns += [TextColumn("{task.completed:,} of {task.total:,} epochs")]
    columns += [TimeRemainingColumn(compact=True)]
    # Drawn by who trains: there is no thread that a lane would wait for.
    bar = Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
    drawn = -REDRAW_SECONDS

    def progress(done: int, total: int) -> None:
        nonlocal drawn
        if time.perf_counter() - drawn < REDRAW_SECONDS:
            return
        drawn = time.perf_counter()
        bar.update(task, completed=done, total=total, visible=True)
        bar.refresh()

    with bar:
        task = bar.add_task("", visible=False)
        yield progress
