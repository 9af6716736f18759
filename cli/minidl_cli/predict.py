"""minidl predict: a trained network on the rows of a file, or on an image."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minidl.errors import RunError
from minidl.plural import plural
from minidl.store.run_folder import is_run, need_folder
from minidl_cli.options import Debug, Output, in_runs
from minidl_cli.output import measured, say, show

if TYPE_CHECKING:
    from minidl.runs.ensemble import Ensemble
    from minidl.runs.inference import TrainedRun


class Written(StrEnum):
    """How predictions are written."""

    csv = "csv"
    parquet = "parquet"
    jsonl = "jsonl"
    json = "json"


class Decimal(StrEnum):
    point = "."
    comma = ","


def predict(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="A finished run's folder, or its name in runs; a sweep's."
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="A table with the run's columns (-: standard input), arrays, or an image.",
            show_default=False,
        ),
    ] = None,
    output: Output = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="Of a sweep, only runs with this value; can be repeated."
        ),
    ] = None,
    out_of_fold: Annotated[
        bool,
        typer.Option(
            "--out-of-fold",
            help="Of folds, each row by the networks that didn't train on it; no FILE.",
        ),
    ] = False,
    written: Annotated[
        Written | None,
        typer.Option("--format", help="How it is written; as --output ends, else as CSV."),
    ] = None,
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
    """Predict the rows of a table or of arrays, or an image, by one network or by several.

    Writes CSV, Parquet, lines of JSON or JSON: the number of the row in the file (the header is row
    1; of arrays and Parquet, the index), then its class and a probability per class, or its values.
    A row that can't be predicted (a missing value, an unknown word) is left empty, and the column
    `problem` says why. If the file has the target, a line on stderr says how good the predictions
    are. Where the run's targets are images, it reads an image of up to 16 million pixels and writes
    a PNG. The weights are those of the last epoch, or of the best one for a run with
    training.early_stopping (unless it says restore_best: false).

    Of a sweep, the runs that differ by seed and fold alone are averaged, and `std` is their spread.

    \b
    Examples:
      minidl predict runs/apples new.csv -o out.csv
      minidl predict runs/denoised noisy.png -o clean.png
      minidl predict runs/iris --out-of-fold -o rows.csv
    """
    from minidl.runs.ensemble import Ensemble
    from minidl.runs.inference import TrainedRun
    from minidl.store.files import write_atomic
    from minidl.store.system import stat_of

    if (data is None) != out_of_fold:
        raise typer.BadParameter("expected a FILE, or else --out-of-fold")
    if (
        output is not None
        and data is not None
        and os.path.realpath(output) == os.path.realpath(data)
    ):
        raise RunError(f"{output}: is the file to predict from; write to another one")
    if output is not None and stat_of(output) is not None and not overwrite:
        raise RunError(f"{output}: exists already (use --overwrite to replace it)")
    run = in_runs(run)
    paths = _runs(run, where or ())
    if out_of_fold or len(paths) > 1:
        trained: TrainedRun | Ensemble = Ensemble.load(paths)
    else:
        trained = TrainedRun.load(paths[0])
    if trained.gives_images and data is not None:
        from minidl.data.imagefile import png

        if output is None:
            raise RunError(f"{run}: gives images: say with --output FILE where to write the PNG")
        if output.suffix.lower() != ".png":
            raise RunError(f"{output}: a PNG is written; choose a name that ends with .png")
        write_atomic(output, png(trained.predict_image(data)))
        say(f"wrote {output}")
        return
    written = written or _ENDINGS.get(output.suffix.lower() if output else "", Written.csv)
    if written is Written.parquet and output is None:
        raise RunError("--format parquet: say with --output FILE where to write it")
    changes = {"delimiter": delimiter, "decimal": decimal and decimal.value, "encoding": encoding}
    if data is None:
        assert isinstance(trained, Ensemble)
        predicted = trained.out_of_fold()
    else:
        given = {key: value for key, value in changes.items() if value is not None}
        predicted = trained.predict_file(data, given, strict=strict, inputs=inputs)
    content = predicted.content(
        written, inputs=inputs or out_of_fold, for_spreadsheet=for_spreadsheet
    )
    rows = len(predicted.given)
    if output is None:
        show(content.decode().removesuffix("\n"))
    else:
        write_atomic(output, content)
        say(f"wrote {plural(rows, 'row')} into {output}")
    if problems := predicted.given.problems:
        row, what = min(problems.items())
        say(
            f"{len(problems):,} of {plural(rows, 'row')} can't be predicted: they are empty, and"
            f" `problem` says why; the first, row {row}: {what}"
        )
    for line in _metrics(predicted.metrics):
        say(line)


def _runs(path: Path, where: Sequence[str]) -> list[Path]:
    """The run, or those of a group where it is a folder of runs."""
    need_folder(path)
    if is_run(path) and not where:
        return [path]
    from minidl.report.members.collect import collect
    from minidl.report.tables.one_group import one_group

    found = collect([path])
    for broken in found.broken:
        say(broken.note)
    group = one_group(found.members, where, path)
    lacking = group.wanted - len(group.finished)
    left_out = f"; {lacking} more would belong to it, without a result" if lacking else ""
    say(f"the mean of {plural(len(group.finished), 'run')}{left_out}")
    return [member.folder.path for member in group.finished]


_ENDINGS = {f".{one}": one for one in Written}


def _metrics(metrics: dict[str, float]) -> Iterator[str]:
    """How good the predictions are, beside the baseline."""
    if metrics:
        rows, (metric, value), (baseline, other) = metrics.items()
        yield (
            f"{metric} {measured(metric, value)} ({baseline} {measured(metric, other)}) of"
            f" {plural(int(rows[1]), 'row')} whose target is known"
        )
