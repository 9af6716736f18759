"""minidl train: one run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minidl_cli import output

if TYPE_CHECKING:
    from minidl.execute import Outcome
    from minidl.runs import RunFolder
    from minidl.stopping import Observer
    from minidl.train import Trainer

    Started = Callable[[RunFolder, Trainer], None]


def train(
    config: Annotated[Path, typer.Argument(help="The config to train.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Changes, such as optimizer.lr=0.01."),
    ] = None,
    runs_dir: Annotated[Path, typer.Option(help="Where run folders are made.")] = Path("runs"),
    name: Annotated[
        str | None, typer.Option(help="The run folder's name; must be new.", show_default=False)
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run folder of that --name.")
    ] = False,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda or cuda:N.", show_default=False)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the folder alone.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Train one network: progress on stderr, the run folder on stdout."""
    from minidl.spec import load_spec  # first and alone: a mistake in the config shows at once

    given = [*(overrides or ()), *([f"device={device}"] if device else ())]
    spec = load_spec(config, given)

    from minidl.execute import execute

    show(
        lambda observers, started: execute(
            spec,
            runs_dir=runs_dir,
            name=name,
            overwrite=overwrite,
            command=["minidl", *sys.argv[1:]],
            observers=observers,
            started=started,
        ),
        epochs=spec.training.epochs,
        quiet=quiet,
    )


def show(run: Callable[[list[Observer], Started], Outcome], *, epochs: int, quiet: bool) -> None:
    """Carry out a run, show its progress, print its folder, and exit as it ended."""
    from minidl_cli.progress import progress_for

    progress = progress_for(epochs, quiet=quiet)
    with progress:
        outcome = run([progress], progress.started)
    progress.ended(outcome)
    output.show(outcome.run.folder.path)
    raise typer.Exit(outcome.exit_code)
