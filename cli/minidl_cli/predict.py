"""minidl predict: a trained network on the rows of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from minidl_cli.output import show


def predict(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    data: Annotated[Path, typer.Argument(help="A CSV with the columns that the run trained on.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write; stdout if left out."),
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="What separates the columns; as in the run if left out.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Predict class and probabilities, or values, for each row: CSV in, CSV out."""
    from minidl.inference import TrainedRun

    table = TrainedRun.load(run).predict_file(data, delimiter)
    if output is None:
        show(table.removesuffix("\n"))
    else:
        from minidl.files import write_atomic

        write_atomic(output, table.encode())
