"""minidl at: a run at any step of its past."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minidl.errors import RunError
from minidl_cli.fork import go_on
from minidl_cli.options import (
    RUNS,
    TABLE_FORMATS,
    Debug,
    Format,
    Quiet,
    format_for,
    format_option,
    in_runs,
    runs_option,
)
from minidl_cli.output import say, show_text

if TYPE_CHECKING:
    from minidl.runs.replay import Replay


def at(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run's folder, or its name in runs.")
    ],
    step: Annotated[int, typer.Option(min=1, metavar="K", help="Which step, from 1.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write a checkpoint of that step, as .safetensors.",
        ),
    ] = None,
    arrays: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write weights, gradients and activations, as .npz."),
    ] = None,
    fork: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Go on from there with this changed; can be repeated.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The name of the fork's run folder.", show_default=False),
    ] = None,
    runs_dir: Annotated[Path, runs_option("Where the fork's folder is made.")] = RUNS,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the files to be written.")
    ] = False,
    format: Annotated[Format | None, format_option(*TABLE_FORMATS)] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show a run at any step of its past, or go on from there.

    The training is repeated from the nearest checkpoint, to the bit: the weights after the step,
    its gradients, and the activations of its batch. A fork is a run of its own, which begins at the
    end of an epoch.

    \b
    Examples:
      minidl at runs/spirals --step 100
      minidl at runs/spirals --step 100 -o step100.safetensors
      minidl at runs/spirals --step 1000 --fork optimizer.lr=0.01 --name slower
    """
    from minidl.store.run_folder import RunFolder
    from minidl_cli.explain import replay_of

    run = in_runs(run)
    RunFolder.open(run)
    if (fork is None) != (name is None):
        raise RunError("a fork needs both, --fork KEY=VALUE and --name NAME")
    for path in (output, arrays):
        _refuse_to_replace(path, overwrite)
    replay = replay_of(run, [])
    place = replay.place(step)
    if fork is not None and name is not None:
        if not place.ends_epoch:
            before, after = step - place.index - 1, step - place.index - 1 + place.steps
            choice = f"step {before} or {after}" if before else f"step {after}"
            raise RunError(f"--fork: a fork begins where an epoch ends: choose {choice}")
        replay.after(step)
        raise typer.Exit(go_on(replay, fork, name, runs_dir, quiet, format))
    _show(replay, step, output, arrays, format_for(format, None, TABLE_FORMATS))


def _show(
    replay: Replay, step: int, output: Path | None, arrays: Path | None, format: Format
) -> None:
    from minidl.explain.observed import observe
    from minidl.explain.state import arrays as arrays_of
    from minidl.explain.state import state_sheet
    from minidl.report.tables.sheet import as_text
    from minidl.store.files import write_atomic

    place = replay.before(step)
    seen = observe(replay.trainer, replay.rows, done=place.index)
    replay.after(step)
    if output is not None:
        write_atomic(output, replay.checkpoint())
        say(f"wrote {output}")
    if arrays is not None:
        import numpy as np

        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays_of(replay.trainer, seen))
        write_atomic(arrays, content.getvalue())
        say(f"wrote {arrays}")
    title = f"{replay.name} after step {step}: step {place.index + 1} of epoch {place.epoch}"
    sheet = state_sheet(replay.trainer, seen, title)
    notes = [
        f"The loss of its batch was {seen.loss:.6g}; gradients and activations are those of it."
    ]
    show_text(lambda width, bold: as_text([sheet], notes, format, width, bold=bold), None)


def _refuse_to_replace(path: Path | None, overwrite: bool) -> None:
    from minidl.store.system import stat_of

    if path is not None and stat_of(path) is not None and not overwrite:
        raise RunError(f"{path}: exists already (use --overwrite to replace it)")
