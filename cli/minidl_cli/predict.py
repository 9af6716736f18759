"""minidl predict: a trained network on the rows of a file, or on an image."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from minidl.errors import RunError
from minidl.plural import plural
from minidl_cli.options import Debug, Output, in_runs
from minidl_cli.output import say, show


class Decimal(StrEnum):
    point = "."
    comma = ","


def predict(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A finished run's folder, or its name in runs.")
    ],
    data: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A CSV with the run's columns, arrays, or an image."),
    ],
    output: Output = None,
    inputs: Annotated[
        bool, typer.Option("--inputs", help="Also write the file's own columns.")
    ] = False,
    delimiter: Annotated[
        str | None,
        typer.Option(
            metavar="CHARACTER", help="What separates the columns; as in the run if left out."
        ),
    ] = None,
    decimal: Annotated[
        Decimal | None,
        typer.Option(help="What stands before a fraction; as in the run if left out."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Predict the rows of a CSV file or of arrays, or an image.

    Writes CSV: the number of the row in the file (the header is row 1; of arrays, the index), then
    its class and a probability per class, or its values. Where the run's targets are images, it
    reads an image of up to 16 million pixels and writes a PNG. The weights are those of the last
    epoch, or of the best one for a run with training.early_stopping (unless it says restore_best:
    false).

    \b
    Examples:
      minidl predict runs/apples new.csv -o out.csv
      minidl predict runs/denoised noisy.png -o clean.png
    """
    from minidl.runs.inference import TrainedRun
    from minidl.store.files import write_atomic

    if output is not None and os.path.realpath(output) == os.path.realpath(data):
        raise RunError(f"{output}: is the file to predict from; write to another one")
    run = in_runs(run)
    trained = TrainedRun.load(run)
    if trained.gives_images:
        from minidl.data.imagefile import png

        if output is None:
            raise RunError(f"{run}: gives images: say with --output FILE where to write the PNG")
        if output.suffix.lower() != ".png":
            raise RunError(f"{output}: a PNG is written; choose a name that ends with .png")
        write_atomic(output, png(trained.predict_image(data)))
        say(f"wrote {output}")
        return
    table = trained.predict_file(data, delimiter, decimal, inputs=inputs)
    if output is None:
        show(table.text.removesuffix("\n"))
    else:
        write_atomic(output, table.text.encode())
        say(f"wrote {plural(table.rows, 'row')} into {output}")
