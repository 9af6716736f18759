"""Report 004's denoiser trained twice side by side: by minidl and by PyTorch's autograd.

    python benchmarks/denoiser_training.py [--seeds 3] [--epochs 10] [--dtype float32]

Both get the same patches, first weights and batch order. PSNR on the test part in dB: the mean over
images, and that of the whole part (of its mean squared error).
"""

from __future__ import annotations

import math
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
import typer
from denoiser import torch_denoiser
from rich.console import Console
from rich.table import Table
from torch import Tensor

from minidl.build import Experiment
from minidl.execute import prepare
from minidl.nn import Sequential
from minidl.spec import Spec, load_spec

CONFIGS = Path(__file__).parent.parent / "configs"


@dataclass(frozen=True)
class Result:
    """PSNR in dB on the test part, and the seconds of the training steps."""

    images: float
    whole: float
    seconds: float

    @classmethod
    def of(cls, output: Tensor, target: Tensor, seconds: float) -> Result:
        mse = (output.double() - target).square().mean((1, 2, 3))
        return cls(float(-10 * mse.log10().mean()), float(-10 * mse.mean().log10()), seconds)


def main(
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each kind.")] = 3,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each.")] = 10,
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    config: Annotated[list[str], typer.Option(help="Which configs.")] = ["denoise", "denoise_adam"],  # noqa: B006
) -> None:
    """Train both ways and compare."""
    table = Table("config", "seed", "minidl: images", "whole", "PyTorch: images", "whole",
                  "difference", "PyTorch's time ÷ minidl's")  # fmt: skip
    for name in config:
        pairs = []
        for seed in range(seeds):
            changes = [f"seed={seed}", f"training.epochs={epochs}", f"training.dtype={dtype}"]
            pairs.append(both(load_spec(CONFIGS / f"{name}.yaml", [*changes, "device=cpu"])))
            _add(table, name, str(seed), *pairs[-1])
        if seeds > 1:
            _add(table, name, "mean", *(_mean(side) for side in zip(*pairs, strict=True)))
    Console(width=110).print(table)


def both(spec: Spec) -> tuple[Result, Result]:
    """The same training by minidl and by PyTorch, each on an experiment of its own."""
    return train_minidl(prepare(spec)[1]), train_torch(prepare(spec)[1], spec)


def train_minidl(experiment: Experiment) -> Result:
    """As `minidl train` does, without files."""
    trainer = experiment.trainer
    trainer.eval_every = trainer.epochs
    for epoch in trainer:
        last = epoch
    (images,) = last.metrics["test_psnr"]
    (mse,) = last.metrics["test_loss"]
    return Result(images, -10 * math.log10(mse) if mse > 0 else math.inf, last.train_seconds)


def train_torch(experiment: Experiment, spec: Spec) -> Result:
    """PyTorch's layers, autograd and optimizer, from the same weights on the same batches."""
    network = torch_denoiser().to(getattr(torch, spec.training.dtype))
    copy_weights(experiment.network, network)
    optimizer = torch_optimizer(spec.optimizer, network)
    seconds = 0.0
    for _ in range(spec.training.epochs):
        started = time.perf_counter()
        for x, target in experiment.trainer.batches:
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(network(x), target).backward()
            optimizer.step()
        seconds += time.perf_counter() - started
    test = experiment.trainer.parts["test"]
    with torch.no_grad():
        return Result.of(network(test.inputs), test.labels, seconds)


def copy_weights(ours: Sequential, theirs: torch.nn.Module) -> None:
    """Both list their parameters layer by layer, weight before bias, in the same shapes."""
    with torch.no_grad():
        for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            other.copy_(own.data)


def torch_optimizer(spec: Any, network: torch.nn.Module) -> torch.optim.Optimizer:
    parameters = network.parameters()
    if spec.type == "adam":
        return torch.optim.Adam(parameters, lr=spec.lr, betas=spec.betas, eps=spec.eps)
    return torch.optim.SGD(parameters, lr=spec.lr, momentum=spec.momentum)


def _mean(results: tuple[Result, ...]) -> Result:
    columns = ([getattr(r, name) for r in results] for name in ("images", "whole", "seconds"))
    return Result(*(statistics.fmean(column) for column in columns))


def _add(table: Table, name: str, seed: str, ours: Result, theirs: Result) -> None:
    sides = [f"{x:.2f}" for side in (ours, theirs) for x in (side.images, side.whole)]
    difference = f"{ours.whole - theirs.whole:+.3f}"
    table.add_row(name, seed, *sides, difference, f"{theirs.seconds / ours.seconds:.2f}")


if __name__ == "__main__":
    typer.run(main)
