"""minidl validate: checks a config."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minidl.plural import plural
from minidl_cli.options import Debug, Overrides
from minidl_cli.output import show

if TYPE_CHECKING:
    from minidl.build import Experiment
    from minidl.data import Dataset


def validate(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The config to check.")],
    overrides: Overrides = None,
    data: Annotated[
        bool, typer.Option("--data", help="Also read the data and build the network.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Check a config.

    All problems are said at once, each with its place.

    \b
    Example:
      minidl validate first.yaml --data
    """
    from minidl.spec import load_spec  # here, so that --help needn't wait for it

    spec = load_spec(config, overrides or ())
    if data:
        from minidl.execute import prepare

        dataset, experiment = prepare(spec)
        print(_summary(dataset, experiment))
    show(f"{config}: ok")


def _summary(data: Dataset, experiment: Experiment) -> str:
    """What the data was taken for, so that a wrong guess is seen."""
    task = plural(data.classes, "class") if data.task == "classification" else data.task
    shape = data.input_shape
    inputs = plural(shape[0], "input") if len(shape) == 1 else f"{'×'.join(map(str, shape))} inputs"
    size = experiment.trainer.optimizer.flat.size
    samples = f"{len(data.train):,} training and {plural(len(data.test), 'test sample')}"
    return f"{task}, {inputs}, {samples}, {plural(size, 'parameter')}"
