"""A run that goes on from another: a fork of its past, or more epochs after its end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from minidl.errors import RunError
from minidl.plural import plural
from minidl_cli.options import Format
from minidl_cli.output import say

if TYPE_CHECKING:
    from minidl.runs.replay import Replay


def go_on(
    replay: Replay,
    changes: list[str],
    name: str,
    runs_dir: Path,
    quiet: bool,
    format: Format | None,
) -> int:
    """Train a fork that begins where the replay stands, with these changes; gives the exit code."""
    from minidl.runs.execute import resume
    from minidl.runs.fork import fork
    from minidl.spec import load_spec
    from minidl_cli.train import show

    command = ["minidl", *sys.argv[1:]]
    folder = fork(replay, changes, runs_dir=runs_dir, name=name, command=command)
    spec = load_spec(folder.config_path)
    return show(
        lambda observers, started: resume(folder.path, observers=observers, started=started),
        epochs=spec.training.epochs,
        quiet=quiet,
        format=format,
    )


def train_more(path: Path, more: int, name: str | None, quiet: bool, format: Format | None) -> int:
    """Train a run that has ended for more epochs, as a fork beside it; gives the exit code.

    A schedule that ends with the training stays where it ended.
    """
    from minidl.runs.replay import Replay
    from minidl.store.run_folder import RunFolder

    run = RunFolder.open(path)
    status = run.status_now(run.read_record())
    if status != "done":
        way = " (without --more, `resume` ends it)" if status == "interrupted" else ""
        raise RunError(f"{path}: --more goes on with a run that is done, but this is {status}{way}")
    replay = Replay.of_run(path)
    ended = replay.epochs
    replay.after(ended * len(replay.trainer.batches))
    changes, schedule = [f"training.epochs={ended + more}"], replay.spec.schedule
    stays = ""
    if getattr(schedule, "epochs", 0) is None:
        changes.append(f"schedule.epochs={replay.spec.training.epochs}")
        stays = f"; the schedule stays where it ended ({changes[-1]})"
    if not quiet:
        say(f"{replay.name}: {plural(more, 'epoch')} more, after {ended}{stays}")
    above = (run.sweep or run.path.absolute()).parent
    return go_on(
        replay, changes, name or f"{run.path.absolute().name}-{ended + more}", above, quiet, format
    )
