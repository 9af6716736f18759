"""minidl export-log: sends runs to other tools that show them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minidl_cli.options import Debug, Format, TextFormat, in_runs
from minidl_cli.output import say, show, show_json
from minidl_cli.track import Tracker, log_for

if TYPE_CHECKING:
    from minidl.store.run_folder import RunFolder
    from minidl.store.run_record import RunRecord


def export_log(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER", help="Runs, sweeps, or their names in runs."),
    ],
    to: Annotated[Tracker, typer.Option("--to", help="Which tool.")] = Tracker.tensorboard,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Where its files go; the tool's name if left out."
        ),
    ] = None,
    format: TextFormat = None,
    debug: Debug = False,
) -> None:
    """Send runs to TensorBoard or MLflow: their curves, settings and configs.

    Runs that are still going are sent as far as they have come; sent again, a run takes its own
    place. `train --track` sends a run while it trains. Needs pip install "minidl[tensorboard]" or
    "minidl[mlflow]"; files are written here, and nothing is sent over the network.

    \b
    Examples:
      minidl export-log spirals iris
      minidl export-log spirals --to mlflow
    """
    from minidl.store.find import find_runs

    log, failed = log_for(to), list[Path]()
    folder = output or log.folder

    def one(run: RunFolder, record: RunRecord) -> Path:
        return log.export(run, record, folder)

    def broken(run: RunFolder, error: Exception) -> None:
        failed.append(run.path)
        say(f"left out: {' '.join(str(error).split())}")

    sent = find_runs(map(in_runs, paths), one, broken)
    if not sent:
        say("no runs there: `minidl train CONFIG` makes one, `minidl list` shows those there are")
    if format is Format.json:
        done = [place for place in sent if place is not None]
        show_json({"to": to.value, "path": folder, "sent": done, "left_out": failed})
    elif any(sent):
        show(folder)
    if failed or not sent:
        raise typer.Exit(1)
