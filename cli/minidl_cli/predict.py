"""minidl predict: a trained network on the rows of a file, or on an image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from minidl.errors import RunError


def predict(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    data: Annotated[Path, typer.Argument(help="A CSV with the run's columns, or an image file.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write; stdout if left out."),
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="What separates the columns; as in the run if left out.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Predict class and probabilities, or values, for each row: CSV in, CSV out.

    Where the run's targets are images: an image in, a PNG out.
    """
    from minidl.files import write_atomic
    from minidl.inference import TrainedRun

    trained = TrainedRun.load(run)
    if trained.gives_images:
        from minidl.data.imagefile import png

        if output is None:
            raise RunError(f"{run}: gives images: say with --output FILE where to write the PNG")
        write_atomic(output, png(trained.predict_image(data)))
        return
    table = trained.predict_file(data, delimiter)
    if output is None:
        print(table, end="")
    else:
        write_atomic(output, table.encode())
