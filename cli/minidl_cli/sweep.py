"""minidl sweep: a grid of runs."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minidl.plural import plural
from minidl_cli.options import RUNS, Debug, Device, Quiet
from minidl_cli.output import say, show, to_go_on

if TYPE_CHECKING:
    from minidl.spec import Sweep
    from minidl.sweep.run import SweepPlan


def sweep(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="With or without a sweep: block.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=A,B", help="Values to sweep over, such as optimizer.lr=1e-1,1e-2."
        ),
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(min=1, help="Runs per point, with seed, seed + 1, …")
    ] = None,
    runs_dir: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the sweep's folder is made.")
    ] = RUNS,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The folder's name; the config's if left out."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs, train none.")] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Workers; one per core if left out.")
    ] = None,
    stack: Annotated[
        int | None, typer.Option(min=1, help="The most runs side by side in a worker.")
    ] = None,
    device: Device = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at a failure.")] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Go on also with other versions or another device."),
    ] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train a grid of runs side by side.

    The same command again does only what is missing.

    \b
    Examples:
      minidl sweep configs/spirals.yaml \\
        optimizer.lr=1e-2,1e-3 --repeats 5
      minidl sweep configs/studies/dropout.yaml
    """
    from minidl.spec import load_sweep  # first and alone: a mistake in the config shows at once

    given = [*(overrides or ()), *([f"device={device}"] if device else ())]
    loaded = load_sweep(config, given, repeats)

    from minidl.store.locks import locked
    from minidl.sweep.folder import SweepFolder
    from minidl.sweep.run import plan, planned
    from minidl.sweep.work import measure

    works = measure(loaded.members)  # builds each kind: what can't train is told here
    if not quiet:
        _tell_repeated(loaded)
    place = SweepFolder.place(runs_dir, loaded, name)
    if dry_run:
        members = loaded.members
        _list(planned(SweepFolder(place), members, members, works, stack=stack, jobs=jobs))
        return
    with locked(place):
        folder = SweepFolder.create(runs_dir, loaded, name, works.files)
        command = ["minidl", *sys.argv[1:]]
        todo = plan(loaded, folder, works, command=command, stack=stack, jobs=jobs, force=force)
        code = finish(todo, fail_fast=fail_fast, quiet=quiet)
    raise typer.Exit(code)


def finish(todo: SweepPlan, *, fail_fast: bool, quiet: bool) -> int:
    """Run what is missing, show it, print the folder; returns the exit code."""
    from minidl.signals import Stopped
    from minidl.sweep.run import run
    from minidl_cli.sweep_progress import sweep_progress_for

    progress = sweep_progress_for(todo, quiet=quiet)
    try:
        with contextlib.closing(progress):
            outcome = run(todo, fail_fast=fail_fast, watch=progress)
    except Stopped:
        say(to_go_on(todo.folder.path))
        raise
    progress.ended(outcome)
    show(outcome.folder.path)
    return outcome.exit_code


def _tell_repeated(loaded: Sweep) -> None:
    if loaded.repeated:
        points = len(loaded.members) + loaded.repeated
        print(
            f"{plural(points, 'run')} asked for, {loaded.repeated} of them the same as another: "
            "each is trained once",
            file=sys.stderr,
        )


def _list(todo: SweepPlan) -> None:
    for members in todo.turns:
        for member in members:
            print(member.name)
    runs, turns = plural(todo.missing, "run"), len(todo.turns)
    order = f", in {turns} lots side by side, the longest first" if turns > 1 else ""
    print(f"{runs}{order}", file=sys.stderr)
