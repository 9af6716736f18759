"""How far a training is: a bar in a notebook, and elsewhere if asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(text: str, total: float, asked: bool | None) -> Iterator[Callable[[float], None]]:
    """Yields what is told how much of `total` is done; `asked` None: shown in a notebook alone."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    console = Console()
    if not (console.is_jupyter if asked is None else asked):
        yield lambda done: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeLeft(), console=console) as shown:
        task = shown.add_task(text, total=total)
        yield lambda done: shown.update(task, completed=done)
