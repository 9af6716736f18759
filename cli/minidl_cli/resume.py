"""minidl resume: goes on with an interrupted run or sweep."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from minidl_cli.options import Debug, Format, Jobs, Quiet, TextFormat, Threads, in_runs


def resume(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="A run's or a sweep's folder, or its name in runs."),
    ],
    jobs: Jobs = None,
    threads: Threads = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Also with other versions, engine or device: results differ then."
        ),
    ] = False,
    more: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Train a run that has ended for N epochs more.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="With --more: the new run's folder.", show_default="NAME-EPOCHS"
        ),
    ] = None,
    format: TextFormat = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Go on with an interrupted run or sweep, or for more epochs with a run that has ended.

    It ends as if it had never stopped. More epochs make a run of their own beside it, with the
    weights and the optimizer as they stood; a schedule that ended with the training stays there.

    \b
    Examples:
      minidl resume runs/spirals
      minidl resume runs/spirals --more 100
    """
    folder = in_runs(folder)
    from minidl.errors import RunError
    from minidl.store.run_folder import is_sweep

    if more is None and name is not None:
        raise RunError("--name is the name of what --more N makes: give both")
    if more is not None and is_sweep(folder):
        raise RunError(f"{folder}: is a sweep: --more goes on with one of its runs")
    if more is not None:
        from minidl_cli.fork import train_more

        code = train_more(folder, more, name, quiet, format)
    elif is_sweep(folder):
        code = _resume_sweep(folder, jobs=jobs, force=force, quiet=quiet, format=format)
    else:
        code = _resume_run(folder, threads=threads, force=force, quiet=quiet, format=format)
    raise typer.Exit(code)


def _resume_sweep(
    folder: Path, *, jobs: int | None, force: bool, quiet: bool, format: Format | None
) -> int:
    from minidl.store.leases import revoke_all
    from minidl.store.locks import locked
    from minidl.sweep.folder import SweepFolder
    from minidl.sweep.search import carry_out, checked, plans
    from minidl_cli.sweep import show_outcome, train_missing
    from minidl_cli.sweep_progress import Reading

    opened = SweepFolder.open(folder)
    opened.refuse_damage()
    command = ["minidl", *sys.argv[1:]]
    loaded = opened.load(Reading(quiet))
    opened.refuse_another(loaded)  # somebody may have edited the file
    works = checked(loaded)
    opened.refuse_other_files(works.files)
    with locked(folder):
        revoke_all(folder)
        todo = plans(loaded, opened, works, command=command, jobs=jobs, force=force)
        train = partial(train_missing, fail_fast=False, quiet=quiet)
        outcome = carry_out(todo, train, fail_fast=False)
    show_outcome(outcome, format)
    return outcome.exit_code


def _resume_run(
    folder: Path, *, threads: int | None, force: bool, quiet: bool, format: Format | None
) -> int:
    from minidl.runs.execute import resume as resume_run
    from minidl.spec import load_spec
    from minidl.store.run_folder import RunFolder
    from minidl_cli.train import show

    run = RunFolder.open(folder)
    run.check_config(run.read_record())
    spec = load_spec(run.config_path)
    return show(
        lambda observers, started: resume_run(
            folder, force=force, threads=threads, observers=observers, started=started
        ),
        epochs=spec.training.epochs,
        quiet=quiet,
        format=format,
    )
