"""minidl predict: a trained network on the rows of a file, or on an image."""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from minidl.errors import RunError
from minidl.plural import plural
from minidl_cli.options import Debug, Output, in_runs
from minidl_cli.output import measured, say, show


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
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Write nothing if some row can't be predicted, and exit 2."),
    ] = False,
    for_spreadsheet: Annotated[
        bool,
        typer.Option(
            "--for-spreadsheet", help="Put ' before cells that a spreadsheet would run as formulas."
        ),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
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
    encoding: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="How the text is written; as in the run if left out."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Predict the rows of a CSV file or of arrays, or an image.

    Writes CSV: the number of the row in the file (the header is row 1; of arrays, the index), then
    its class and a probability per class, or its values. A row that can't be predicted (a missing
    value, an unknown word) is left empty, and the column `problem` says why. If the file has the
    target, a line on stderr says how good the predictions are. Where the run's targets are images,
    it reads an image of up to 16 million pixels and writes a PNG. The weights are those of the last
    epoch, or of the best one for a run with training.early_stopping (unless it says restore_best:
    false).

    \b
    Examples:
      minidl predict runs/apples new.csv -o out.csv
      minidl predict runs/denoised noisy.png -o clean.png
    """
    from minidl.runs.inference import TrainedRun
    from minidl.store.files import stat_of, write_atomic

    if output is not None and os.path.realpath(output) == os.path.realpath(data):
        raise RunError(f"{output}: is the file to predict from; write to another one")
    if output is not None and stat_of(output) is not None and not overwrite:
        raise RunError(f"{output}: exists already (use --overwrite to replace it)")
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
    changes = {"delimiter": delimiter, "decimal": decimal and decimal.value, "encoding": encoding}
    predicted = trained.predict_file(
        data,
        {key: value for key, value in changes.items() if value is not None},
        strict=strict,
        inputs=inputs,
    )
    text = predicted.text(inputs=inputs, for_spreadsheet=for_spreadsheet)
    rows = len(predicted.given)
    if output is None:
        show(text.removesuffix("\n"))
    else:
        write_atomic(output, text.encode())
        say(f"wrote {plural(rows, 'row')} into {output}")
    if problems := predicted.given.problems:
        row, what = min(problems.items())
        say(
            f"{len(problems):,} of {plural(rows, 'row')} can't be predicted: they are empty, and"
            f" `problem` says why; the first, row {row}: {what}"
        )
    for line in _metrics(predicted.metrics):
        say(line)


def _metrics(metrics: dict[str, float]) -> Iterator[str]:
    """How good the predictions are, beside the baseline."""
    if metrics:
        rows, (metric, value), (baseline, other) = metrics.items()
        yield (
            f"{metric} {measured(metric, value)} ({baseline} {measured(metric, other)}) of"
            f" {plural(int(rows[1]), 'row')} whose target is known"
        )
