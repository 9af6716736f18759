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
    from minidl.sweep.run import SweepOutcome, SweepPlan


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
    from minidl_cli.sweep_progress import Reading

    given = [*(overrides or ()), *([f"device={device}"] if device else ())]
    loaded = load_sweep(config, given, repeats, Reading(quiet))

    from minidl.sweep.folder import SweepFolder
    from minidl.sweep.run import planned
    from minidl.sweep.work import measure

    if not quiet:
        _tell_repeated(loaded)
    if dry_run:
        members, works = loaded.members, measure(loaded.members)
        folder = SweepFolder(SweepFolder.place(runs_dir, loaded, name))
        _list(planned(folder, members, members, works, stack=stack, jobs=jobs))
        return
    outcome = train_all(
        *(loaded, runs_dir, name), stack=stack, jobs=jobs, force=force, fail_fast=fail_fast,
        quiet=quiet,
    )  # fmt: skip
    show(outcome.folder.path)
    raise typer.Exit(outcome.exit_code)


def train_all(
    loaded: Sweep,
    runs_dir: Path,
    name: str | None,
    *,
    stack: int | None = None,
    jobs: int | None = None,
    force: bool = False,
    fail_fast: bool = False,
    quiet: bool = False,
) -> SweepOutcome:
    """Train what a sweep's folder lacks, and show how that goes."""
    from minidl.store.locks import locked
    from minidl.sweep.folder import SweepFolder
    from minidl.sweep.run import plan
    from minidl.sweep.work import measure

    works = measure(loaded.members)  # builds each kind: what can't train is said here
    with locked(SweepFolder.place(runs_dir, loaded, name)):
        folder = SweepFolder.create(runs_dir, loaded, name, works.files)
        command = ["minidl", *sys.argv[1:]]
        todo = plan(loaded, folder, works, command=command, stack=stack, jobs=jobs, force=force)
        return train_missing(todo, fail_fast=fail_fast, quiet=quiet)


def train_missing(todo: SweepPlan, *, fail_fast: bool, quiet: bool) -> SweepOutcome:
    """Train what a plan says, and show how that goes."""
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
    return outcome


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
