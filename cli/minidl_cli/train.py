"""minidl train: one run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minidl_cli import output
from minidl_cli.options import (
    RUNS,
    Debug,
    Device,
    Format,
    Overrides,
    Quiet,
    TextFormat,
    Threads,
    runs_option,
    with_device,
)
from minidl_cli.track import Tracked, Tracker

if TYPE_CHECKING:
    from minidl.runs.execute import Outcome, Started
    from minidl.store.run_folder import RunFolder
    from minidl.train.stopping import Observer
    from minidl.train.trainer import Trainer


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The config to train.")],
    overrides: Overrides = None,
    runs_dir: Annotated[Path, runs_option("Where run folders are made.")] = RUNS,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The run folder's name; must be new.", show_default=False
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run folder of that --name.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Note all that training.watch knows.")
    ] = False,
    track: Annotated[
        Tracker | None,
        typer.Option("--track", help="Send it there while it trains.", show_default=False),
    ] = None,
    device: Device = None,
    threads: Threads = None,
    format: TextFormat = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train one network.

    Progress goes to stderr, the run folder's path to stdout.

    \b
    Examples:
      minidl train configs/iris.yaml
      minidl train configs/iris.yaml \\
        optimizer.lr=0.03 --name faster
    """
    from minidl.spec import load_spec  # first and alone: a mistake in the config shows at once
    from minidl.spec.training import WATCH_ALL

    given = with_device(overrides, device)
    given += [WATCH_ALL] if watch else []
    spec = load_spec(config, given)

    from minidl.runs.execute import execute

    code = show(
        lambda observers, started: execute(
            spec,
            runs_dir=runs_dir,
            name=name,
            overwrite=overwrite,
            threads=threads or 1,
            command=["minidl", *sys.argv[1:]],
            observers=observers,
            started=started,
        ),
        epochs=spec.training.epochs,
        quiet=quiet,
        track=track,
        format=format,
    )
    raise typer.Exit(code)


def show(
    run: Callable[[list[Observer], Started], Outcome],
    *,
    epochs: int,
    quiet: bool,
    track: Tracker | None = None,
    format: Format | None = None,
) -> int:
    """Carry out a run, show its progress, print its folder or JSON; returns the exit code."""
    from minidl_cli.progress import progress_for

    progress = progress_for(epochs, quiet=quiet)
    with contextlib.closing(progress), contextlib.closing(Tracked(track)) as tracked:

        def started(folder: RunFolder, trainer: Trainer) -> None:
            tracked.started(folder)
            progress.started(folder, trainer)

        outcome = run([progress, tracked], started)
        tracked.ended()
    progress.ended(outcome)
    folder = outcome.run.folder
    if format is Format.json:
        from minidl_cli.listed import described

        output.show_json(described(folder))
    else:
        output.show(folder.path)
    return outcome.exit_code
