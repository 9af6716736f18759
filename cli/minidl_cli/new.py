"""minidl new: a commented config to start from."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from minidl.errors import RunError
from minidl.store.files import is_folder, write_atomic
from minidl.store.system import stat_of
from minidl_cli.options import Debug, Format, TextFormat
from minidl_cli.output import say, show, show_json

TEMPLATE = """\
# A first config. Train it:           minidl train {path}
# Change a value for one run:         minidl train {path} optimizer.lr=0.03
# See all components and options:     minidl components

seed: 0                         # draws data, weights, batch order and dropout

{data}

{model}

{loss}

optimizer:
  type: adam                    # or sgd, rmsprop, adamw, adagrad
  lr: {lr:<25} # the first thing to change: try 10 times more or less

schedule: {{type: cosine}}        # lr falls to 0 over the epochs; constant leaves it alone

training:
  epochs: {epochs}
  batch_size: 50
"""

MLP = """\
model:
  type: mlp
  hidden: [25, 25]              # the width of each hidden layer
  activation: relu              # or tanh, sigmoid, gelu, …
  init: he                      # how the weights start; uniform is PyTorch's default"""

CONVOLUTIONS = """\
model:
  type: sequential              # layer by layer; sizes are inferred
  layers:
    - {type: conv2d, out_channels: 16, padding: same}
    - batch_norm
    - relu
    - max_pool2d                # halves height and width
    - {type: conv2d, out_channels: 32, padding: same}
    - batch_norm
    - relu
    - global_avg_pool2d         # one number per channel
    - linear                    # one output per class
  init: he                      # how the weights start"""

DENOISER = """\
model:
  type: sequential              # layer by layer; sizes are inferred
  layers:
    - {type: conv2d, out_channels: 32, stride: 2, padding: 1}   # halves height and width
    - relu
    - {upsampling: 3}           # doubles them: 3 channels as in the target
    - sigmoid                   # between 0 and 1, as the target
  init: xavier                  # how the weights start"""

CLASSES = "loss: cross_entropy             # for classes; mse for numbers"
NUMBERS = "loss: mse                       # for numbers; cross_entropy for classes"
IMAGES = "loss: mse                       # for images, too"


class Kind(StrEnum):
    """The data that a new config may start with."""

    disk = "disk"
    spirals = "spirals"
    iris = "iris"
    digits = "digits"
    diabetes = "diabetes"
    shapes = "shapes"
    photo_patches = "photo_patches"
    csv = "csv"


DATA = {
    Kind.disk: """\
data:                           # points in a square, those inside a disk are class 1
  type: disk
  train: 1000
  test: 1000
  validation: 500               # to choose by: rates, sizes, when to stop""",
    Kind.spirals: """\
data:                           # spiral arms, a class each
  type: spirals
  classes: 3
  noise: 0.02
  validation: 500               # to choose by: rates, sizes, when to stop""",
    Kind.iris: """\
data:                           # 150 irises of 3 species by 4 lengths
  type: iris
  validation_fraction: 0.2      # rows to choose by: rates, sizes, when to stop""",
    Kind.digits: """\
data:                           # 1,797 handwritten digits as 8×8 pixels
  type: digits
  validation_fraction: 0.2      # rows to choose by: rates, sizes, when to stop""",
    Kind.diabetes: """\
data:                           # the disease's progress in 442 patients
  type: diabetes
  validation_fraction: 0.2      # rows to choose by: rates, sizes, when to stop""",
    Kind.shapes: """\
data:                           # drawn shapes, a class each
  type: shapes
  size: 16                      # height and width of an image
  classes: 4
  validation: 500               # to choose by: rates, sizes, when to stop""",
    Kind.photo_patches: """\
data:                           # patches of photographs with noise, to be taken off again
  type: photo_patches
  size: 32
  validation: 500               # to choose by: rates, sizes, when to stop
  noise: {gaussian: 0.2}        # or {poisson: 30}, {mask: 0.5}
  target: clean                 # noisy: learn from noisy targets alone""",
    Kind.csv: """\
data:
  type: csv
  path: data.csv                # your file, in the folder of this config
  target: label                 # the column to predict
  # features: [age, height]     # the columns to predict from; all others if left out
  # delimiter: ";"              # where semicolons separate the columns
  # decimal: ","                # where numbers are written like 1,5
  # missing: drop               # or mean, where values are missing
  test_fraction: 0.2            # the share of rows kept for testing
  validation_fraction: 0.2      # of the others: to choose by, such as when to stop""",
}


def new(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to write, such as first.yaml.")
    ],
    data: Annotated[Kind, typer.Option(help="The data to start with.")] = Kind.disk,
    table: Annotated[
        Path | None,
        typer.Option("--from", metavar="TABLE", help="Look at this table and say all about it."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="With --from: the column to predict."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    format: TextFormat = None,
    debug: Debug = False,
) -> None:
    """Write a config to start from.

    With --from it looks at a table and writes down what it found: delimiter, missing values, the
    kind of each column, with the reason as a comment. Without --target it proposes the last column.

    \b
    Examples:
      minidl new first.yaml --data spirals
      minidl new apples.yaml --from apples.csv --target kind
    """
    if is_folder(path):
        raise RunError(f"{path}: is a folder; name a file in it, such as {path / 'first.yaml'}")
    if stat_of(path) is not None and not overwrite:
        raise RunError(f"{path}: exists already (use --overwrite to replace it)")
    if target is not None and table is None:
        raise RunError("--target names a column of a table: say which, with --from TABLE")
    text = starter(data, path) if table is None else _of_table(table, target, path)
    write_atomic(path, text.encode())
    if format is Format.json:
        show_json({"path": path})
    else:
        show(path)


def _of_table(data: Path, target: str | None, path: Path) -> str:
    from minidl.data.csvfile import MOST_BYTES
    from minidl.data.source import read_source
    from minidl.data.survey import survey
    from minidl_cli.new_table import config_for

    table = survey(read_source(data, MOST_BYTES), target)
    if table.proposed:
        say(f"target: {table.target!r}, the last column that can be one (--target names another)")
    return config_for(table, data, path)


def starter(data: Kind, path: Path) -> str:
    """The text of a new config."""
    shown = shlex.quote(str(path)) if str(path).isprintable() else "CONFIG"
    given: dict[str, Any] = {"model": MLP, "loss": CLASSES, "lr": 0.01, "epochs": 50}
    if data is Kind.diabetes:
        given["loss"] = NUMBERS
    elif data is Kind.shapes:
        given |= {"model": CONVOLUTIONS, "epochs": 20}
    elif data is Kind.photo_patches:
        given |= {"model": DENOISER, "loss": IMAGES, "lr": 0.001, "epochs": 10}
    return TEMPLATE.format(path=shown, data=DATA[data], **given)
