"""Small trainings, as specs and as commands, for the tests of building, training and the CLI."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import pytest
import torch
from minidl_cli.main import main
from torch import Tensor

from minidl.build import Experiment, prepare
from minidl.data import Dataset
from minidl.spec import Spec, parse_spec
from minidl.store.run_folder import RunFolder
from minidl.train.stopping import Row

Test = TypeVar("Test", bound=Callable[..., None])

# 40 points in three batches, the last of which is short; an epoch takes well under a millisecond.
SMALL = """\
data: {type: disk, train: 40, test: 24}
model: {type: mlp, hidden: [8]}
optimizer: {type: sgd, lr: 0.1}
training: {epochs: 3, batch_size: 16}
"""

# Every kind of state that an optimizer carries from step to step.
OPTIMIZERS = (
    "sgd",
    "{type: sgd, momentum: 0.9, dampening: 0.5}",
    "{type: sgd, momentum: 0.9, nesterov: true}",
    "rmsprop",
    "{type: rmsprop, momentum: 0.9, centered: true}",
    "adam",
    "{type: adam, amsgrad: true}",
    "adamw",
    "{type: adamw, amsgrad: true}",
    "nadam",
    "radam",
    "adamax",
    "adagrad",
)


def plainly(test: Test) -> Test:
    """Let a test's trainings be trained by plain PyTorch calls, which is of no interest there."""
    said = "ignore:trains by plain PyTorch calls:minidl.errors.MinidlWarning"
    marked: Test = pytest.mark.usefixtures("no_compiler")(pytest.mark.filterwarnings(said)(test))
    return marked


def spec(*overrides: str, text: str = SMALL) -> Spec:
    """The small training with some options changed."""
    return parse_spec(text, "small.yaml", overrides)


def built(*overrides: str, text: str = SMALL) -> Experiment:
    """The same as built objects."""
    return prepare(spec(*overrides, text=text))[1]


def data_of(one: Spec) -> Dataset:
    """The data that the run of a spec gets."""
    return prepare(one)[0]


def parameters(experiment: Experiment) -> Tensor:
    """The network's parameters, as one vector."""
    return experiment.trainer.weights()["parameters"]


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def run(self) -> RunFolder:
        """The run folder that was printed."""
        return RunFolder.open(self.out.strip())


def minidl(*arguments: object, stderr: io.StringIO | None = None) -> Finished:
    """Run a command in this process, as a shell without a terminal would."""
    out, err, code = io.StringIO(), stderr or io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", ["minidl", *map(str, arguments)]),
        mock.patch("minidl_cli.main._hear_signals"),  # pytest has its own way with them
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
    return Finished(code, out.getvalue(), err.getvalue())


def train(
    folder: Path, *overrides: str, text: str = SMALL, options: tuple[str, ...] = ()
) -> Finished:
    """`minidl train` of a config in `folder`, with its runs in `folder`/runs."""
    config = folder / "small.yaml"
    config.write_text(text)
    return minidl(
        "train", config, *overrides, "--runs-dir", folder / "runs", "--device", "cpu", *options
    )


def columns(run: RunFolder) -> dict[str, list[float]]:
    """metrics.csv without the one column that differs from run to run."""
    return {name: cells for name, cells in run.read_columns().items() if name != "seconds"}


def text_of_metrics(run: RunFolder) -> list[str]:
    """The lines of metrics.csv, byte for byte, without their last cell: the seconds."""
    return [line.rpartition(",")[0] for line in run.metrics_path.read_text().splitlines()]


class KilledError(Exception):
    """Stands for whatever ends a process in the midst of its work."""


def kill_after(epoch: int) -> Callable[[Row], None]:
    """An observer that kills a training once it has reached that epoch."""

    def observer(row: Row) -> None:
        if row["epoch"] == epoch:
            raise KilledError

    return observer


def distance(a: Any, b: Any) -> float:
    """Largest difference, relative to the largest entry of b."""
    a, b = (torch.as_tensor(x, dtype=torch.float64) for x in (a, b))
    return float(((a - b).abs().max() / b.abs().max()).item())
