"""minidl export: a trained network for use without minidl."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from minidl_cli.options import Debug, in_runs
from minidl_cli.output import show


class ExportFormat(StrEnum):
    torch = "torch"
    onnx = "onnx"
    safetensors = "safetensors"
    python = "python"
    c = "c"


def export(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A finished run's folder, or its name in runs.")
    ],
    format: Annotated[ExportFormat, typer.Option("--format", help="What to write.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The run's name if left out."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files of that name.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Write a trained network for use without minidl.

    Each format gives what `minidl predict` does, from numbers in the units of the data: a category
    is an input 1 among others that are 0. Prints the files' names.

    \b
    torch        a state_dict (.pt), and a .py with the nn.Sequential that loads it
    onnx         with preprocessing and class names (pip install "minidl[onnx]")
    safetensors  the weights by name, and what they mean as metadata
    python       one file of plain NumPy operations
    c            one C99 file without dependencies, and its header
    \b
    Examples:
      minidl export runs/iris --format c
      minidl export iris --format torch -o net.pt
    """
    from minidl.export import export as write
    from minidl.runs.inference import TrainedRun

    trained = TrainedRun.load(in_runs(run))
    for path in write(trained, format.value, output, overwrite=overwrite):
        show(path)
