"""minidl sweep: a grid of runs."""

from __future__ import annotations

import contextlib
import sys
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minidl.plural import plural
from minidl_cli.options import (
    RUNS,
    Debug,
    Device,
    Format,
    Jobs,
    Quiet,
    TextFormat,
    runs_option,
    with_device,
)
from minidl_cli.output import say, show, show_json, to_go_on

if TYPE_CHECKING:
    from minidl.spec import Sweep
    from minidl.sweep.cluster import Cluster
    from minidl.sweep.plan import SweepPlan
    from minidl.sweep.run import SweepOutcome


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
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Runs per point and repeat, each tested on another fold."),
    ] = None,
    runs_dir: Annotated[Path, runs_option("Where the sweep's folder is made.")] = RUNS,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The folder's name; the config's if left out."),
    ] = None,
    vary: Annotated[
        str | None,
        typer.Option(
            metavar="STREAM[,STREAM]",
            help="Cross --repeats seeds of each: data, init, order, dropout.",
            show_default=False,
        ),
    ] = None,
    confirm: Annotated[
        int | None,
        typer.Option(
            min=2, metavar="N", help="Train the best on N fresh seeds.", show_default=False
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs, train none.")] = False,
    jobs: Jobs = None,
    stack: Annotated[
        int | None, typer.Option(min=1, help="The most runs side by side in a worker.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Train on a Dask cluster: tcp://HOST:PORT; local:N starts one here.",
            show_default=False,
        ),
    ] = None,
    device: Device = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at a failure.")] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Go on also with other versions or another device."),
    ] = False,
    format: TextFormat = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train a grid of runs side by side.

    The same command again does only what is missing.

    \b
    Examples:
      minidl sweep configs/spirals.yaml \\
        optimizer.lr=1e-2,1e-3 --repeats 5
      minidl sweep configs/iris.yaml --folds 5 --repeats 3
      minidl sweep configs/studies/dropout.yaml
    """
    from minidl.spec import load_sweep  # first and alone: a mistake in the config shows at once
    from minidl_cli.sweep_progress import Reading

    given = with_device(overrides, device)
    if vary is not None:
        given, repeats = [*given, *_crossed(vary, repeats)], None
    loaded = load_sweep(config, given, repeats, Reading(quiet), runs_dir, folds)

    from minidl.sweep.folder import SweepFolder
    from minidl.sweep.plan import planned
    from minidl.sweep.search import checked

    if not quiet:
        _tell_repeated(loaded)
        notes = (member.spec.optimism() for member in loaded.members)
        if note := next(filter(None, notes), None):
            say(f"note: {note}")
    if dry_run:
        members, works = loaded.members, checked(loaded)
        folder = SweepFolder(SweepFolder.place(runs_dir, loaded, name))
        _list(planned(folder, members, members, works, stack=stack, jobs=jobs), loaded, format)
        return
    with _connected(cluster) as workers:
        train = partial(
            train_all,
            cluster=workers,
            stack=stack,
            jobs=jobs,
            force=force,
            fail_fast=fail_fast,
            quiet=quiet,
        )
        outcome = train(loaded, runs_dir, name)
        code, confirmed = outcome.exit_code, None
        if format is not Format.json:
            show(outcome.folder.path)
        if confirm is not None and not outcome.unfinished:
            from minidl_cli.confirm import Confirmation

            confirmed = Confirmation.of(outcome.folder.path, confirm, train, quiet=quiet)
            code = confirmed.outcome.exit_code or code
            if format is not Format.json:
                confirmed.show()
        if format is Format.json:
            from minidl_cli.listed import described_sweep

            more = {"confirmed": confirmed.as_data()} if confirmed else {}
            show_json({**described_sweep(outcome), **more})
    raise typer.Exit(code)


def show_outcome(outcome: SweepOutcome, format: Format | None) -> None:
    """Print a sweep's folder, or all about it as JSON."""
    if format is Format.json:
        from minidl_cli.listed import described_sweep

        show_json(described_sweep(outcome))
    else:
        show(outcome.folder.path)


def _connected(address: str | None) -> AbstractContextManager[Cluster | None]:
    if address is None:
        return contextlib.nullcontext()
    from minidl.sweep.cluster import connected

    return connected(address, lambda text: say(f"note: {text}"))


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
    cluster: Cluster | None = None,
) -> SweepOutcome:
    """Train what a sweep's folder lacks, and show how that goes."""
    from minidl.sweep.begin import begun
    from minidl.sweep.search import carry_out

    command = ["minidl", *sys.argv[1:]]
    if cluster is not None:
        jobs = jobs or max(1, cluster.threads)
    with begun(
        loaded, runs_dir, name, command=command, stack=stack, jobs=jobs, force=force
    ) as plans:
        train = partial(train_missing, fail_fast=fail_fast, quiet=quiet, cluster=cluster)
        return carry_out(plans, train, fail_fast=fail_fast)


def train_missing(
    todo: SweepPlan, *, fail_fast: bool, quiet: bool, cluster: Cluster | None = None
) -> SweepOutcome:
    """Train what a plan says, and show how that goes."""
    from minidl.signals import Stopped
    from minidl.sweep.run import run
    from minidl_cli.sweep_progress import sweep_progress_for

    progress = sweep_progress_for(todo, quiet=quiet)
    try:
        with contextlib.closing(progress):
            outcome = run(todo, cluster=cluster, fail_fast=fail_fast, watch=progress)
    except Stopped:
        say(to_go_on(todo.folder.path))
        raise
    progress.ended(outcome)
    return outcome


def _crossed(streams: str, repeats: int | None) -> list[str]:
    """--vary as overrides: so many seeds for each stream."""
    from minidl.errors import RunError
    from minidl.seeds import KEYS
    from minidl.spec.problems import did_you_mean

    known = {str(stream): key for stream, key in KEYS.items()}
    names = [name.strip() for name in streams.split(",")]
    for name in names:
        if name not in known:
            hint = did_you_mean(name, [*known])
            raise RunError(f"--vary: expected some of {', '.join(known)}, but got {name!r}{hint}")
    if (repeats or 1) < 2:
        raise RunError("--vary needs --repeats N: how many seeds each stream gets, 2 or more")
    return [f"{known[name]}=range({repeats})" for name in names]


def _tell_repeated(loaded: Sweep) -> None:
    if loaded.repeated:
        points = len(loaded.members) + loaded.repeated
        print(
            f"{plural(points, 'run')} asked for, {loaded.repeated} of them the same as another: "
            "each is trained once",
            file=sys.stderr,
        )


def _list(todo: SweepPlan, loaded: Sweep, format: Format | None) -> None:
    from minidl.sweep.budget import budget

    proposed = bool(loaded.search and loaded.proposes)
    if format is Format.json:
        names = [member.name for members in todo.turns for member in members]
        content = {"path": todo.folder.path, "missing": None if proposed else names}
        show_json({**content, "budget": budget(loaded) or None})
        return
    if loaded.search and loaded.proposes:
        print(f"{plural(loaded.search.trials or 0, 'trial')}, proposed by results", file=sys.stderr)
    else:
        for members in todo.turns:
            for member in members:
                print(member.name)
        runs, turns = plural(todo.missing, "run"), len(todo.turns)
        order = f", in {turns} lots side by side, the longest first" if turns > 1 else ""
        print(f"{runs}{order}", file=sys.stderr)
    if loaded.search:
        print(budget(loaded), file=sys.stderr)
