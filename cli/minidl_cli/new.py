"""minidl new: a commented config to start from."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from minidl.errors import RunError
from minidl.files import write_atomic
from minidl_cli.options import Debug
from minidl_cli.output import show

TEMPLATE = """\
# A first config. Train it:           minidl train {path}
# Change a value for one run:         minidl train {path} optimizer.lr=0.03
# See all components and options:     minidl components

seed: 0                         # draws data, weights, batch order and dropout

{data}

model:
  type: mlp
  hidden: [25, 25]              # the width of each hidden layer
  activation: relu              # or tanh, sigmoid, gelu, …
  init: he                      # how the weights start; uniform is PyTorch's default

{loss}

optimizer:
  type: adam                    # or sgd, rmsprop, adamw, adagrad
  lr: 0.01                      # the first thing to change: try 10 times more or less

schedule: {{type: cosine}}        # lr falls to 0 over the epochs; constant leaves it alone

training:
  epochs: 50
  batch_size: 50
"""

CLASSES = "loss: cross_entropy             # for classes; mse for numbers"
NUMBERS = "loss: mse                       # for numbers; cross_entropy for classes"


class Kind(StrEnum):
    """The data that a new config may start with."""

    disk = "disk"
    spirals = "spirals"
    iris = "iris"
    digits = "digits"
    diabetes = "diabetes"
    csv = "csv"


DATA = {
    Kind.disk: """\
data:                           # points in a square, those inside a disk are class 1
  type: disk
  train: 1000
  test: 1000""",
    Kind.spirals: """\
data:                           # spiral arms, a class each
  type: spirals
  classes: 3
  noise: 0.02""",
    Kind.iris: """\
data: iris                      # 150 irises of 3 species by 4 lengths""",
    Kind.digits: """\
data: digits                    # 1,797 handwritten digits as 8×8 pixels""",
    Kind.diabetes: """\
data: diabetes                  # the disease's progress in 442 patients""",
    Kind.csv: """\
data:
  type: csv
  path: data.csv                # your file, in the folder of this config
  target: label                 # the column to predict
  # features: [age, height]     # the columns to predict from; all others if left out
  # missing: drop               # or mean, where values are missing
  test_fraction: 0.2            # the share of rows kept for testing""",
}


def new(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to write, such as first.yaml.")
    ],
    data: Annotated[Kind, typer.Option(help="The data to start with.")] = Kind.disk,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    debug: Debug = False,
) -> None:
    """Write a config to start from.

    \b
    Example:
      minidl new first.yaml --data spirals
    """
    if path.is_dir():
        raise RunError(f"{path}: is a folder; name a file in it, such as {path / 'first.yaml'}")
    if path.exists() and not overwrite:
        raise RunError(f"{path}: exists already (use --overwrite to replace it)")
    write_atomic(path, starter(data, path).encode())
    show(path)


def starter(data: Kind, path: Path) -> str:
    """The text of a new config."""
    loss = NUMBERS if data is Kind.diabetes else CLASSES
    shown = shlex.quote(str(path)) if str(path).isprintable() else "CONFIG"
    return TEMPLATE.format(path=shown, data=DATA[data], loss=loss)
