"""minidl predict: a trained network on the rows of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from minidl_cli.options import Debug
from minidl_cli.output import show


def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    data: Annotated[
        Path, typer.Argument(metavar="FILE", help="A CSV with the columns that the run trained on.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write; stdout if left out."),
    ] = None,
    inputs: Annotated[
        bool, typer.Option("--inputs", help="Also write the file's own columns.")
    ] = False,
    delimiter: Annotated[
        str | None,
        typer.Option(
            metavar="CHARACTER", help="What separates the columns; as in the run if left out."
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Predict the rows of a CSV file.

    Writes CSV: the number of the row in the file (the header is row 1), then its class and a
    probability per class, or its values. The weights are those of the last epoch, or of the best
    one for a run with training.early_stopping (unless it says restore_best: false).

    \b
    Example:
      minidl predict runs/apples new.csv -o out.csv
    """
    from minidl.inference import TrainedRun

    table = TrainedRun.load(run).predict_file(data, delimiter, inputs=inputs)
    if output is None:
        show(table.removesuffix("\n"))
    else:
        from minidl.files import write_atomic

        write_atomic(output, table.encode())
