"""minidl bench: minidl beside PyTorch."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minidl_cli.options import (
    TABLE_FORMATS,
    Debug,
    Format,
    Output,
    Overrides,
    format_for,
    format_option,
)
from minidl_cli.output import show_text

if TYPE_CHECKING:
    from minidl.report.tables.sheet import Sheet


class Dtype(StrEnum):
    float32 = "float32"
    float64 = "float64"


def bench(
    config: Annotated[
        Path | None,
        typer.Argument(
            metavar="CONFIG",
            help="A config to train in both; left out, every module is measured.",
            show_default=False,
        ),
    ] = None,
    overrides: Overrides = None,
    repeats: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Random tensors and timed calls per module (300), or seeds of a training (3).",
            show_default=False,
        ),
    ] = None,
    threads: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Threads of both.",
        ),
    ] = 1,
    dtype: Annotated[
        Dtype | None,
        typer.Option(help="float32, or with a CONFIG what it says.", show_default=False),
    ] = None,
    format: Annotated[Format | None, format_option(*TABLE_FORMATS)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Compare results and times with PyTorch's.

    Of every module and loss, as plain calls and as compiled code, or of a config's whole training.
    Both sides take turns on the same data, from the same weights: ratios hold better than times. Of
    a sweep's config it trains the first run.

    \b
    Examples:
      minidl bench
      minidl bench configs/relu_mse_sgd.yaml training.epochs=50 --repeats 10
    """
    from minidl.report.tables.sheet import as_text

    written_as = Format.json if as_json else format_for(format, output, TABLE_FORMATS)
    if config is None:
        sheets, notes = _modules(repeats or 300, dtype or Dtype.float32, threads)
    else:
        changes = [*(overrides or ()), *([f"training.dtype={dtype}"] if dtype else ())]
        sheets, notes = _training(config, changes, repeats or 3, threads)
    show_text(lambda width, bold: as_text(sheets, notes, written_as, width, bold=bold), output)


def _modules(repeats: int, dtype: Dtype, threads: int) -> tuple[list[Sheet], list[str]]:
    import torch

    from minidl.bench.modules import measure_modules, sheets_of

    measured = list(measure_modules(repeats, getattr(torch, dtype), threads))
    shapes = "tensors of shape (100, 3, 10, 10), or (100, 300) where a module takes rows"
    return sheets_of(measured, repeats), [
        f"{dtype}, {threads} thread{'s' if threads > 1 else ''}, {shapes}; "
        "gradients behind a mean over all outputs."
    ]


def _training(
    config: Path, changes: list[str], repeats: int, threads: int
) -> tuple[list[Sheet], list[str]]:
    from minidl.spec import load_sweep

    members = load_sweep(config, changes).members

    from minidl.bench.training import compare_trainings, notes_of, sheet_of

    compared = compare_trainings(members[0].spec, repeats, threads)
    of_many = f"Of {len(members):,} runs, the first: {members[0].name}."
    return [sheet_of(compared)], [*notes_of(compared), *([of_many] if len(members) > 1 else [])]
