"""What watching costs: a training with everything in training.watch beside one without.

    python benchmarks/watch.py [CONFIG] [KEY=VALUE …]

An epoch of each in turns, alone and with as many networks side by side as there are lanes; medians
of the ratios. `steps` are the training steps, `epoch` also what follows them: evaluation, and the
row of dynamics.csv as text.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Annotated

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
import typer

from minidl.build import prepare
from minidl.engine.processor import lanes_for
from minidl.spec import load_spec
from minidl.spec.training import WATCH_ALL
from minidl.store.records import encode_row
from minidl.train.lanes import Lanes

WARM_UPS = 5


def main(
    config: str = "configs/relu_mse_sgd.yaml",
    overrides: list[str] | None = None,
    epochs: Annotated[int, typer.Option(min=1, help="How many are measured.")] = 300,
) -> None:
    """Measure, and print the ratios."""
    torch.set_num_threads(1)
    for width in (1, lanes_for(torch.float32)):
        pairs = [_training(config, overrides or [], watch, width) for watch in (True, False)]
        steps: list[float] = []
        whole: list[float] = []
        for epoch in range(WARM_UPS + epochs):
            (a, a_steps), (b, b_steps) = map(_epoch, pairs)
            if epoch >= WARM_UPS:
                whole.append(a / b)
                steps.append(a_steps / b_steps)
        said = f"steps {statistics.median(steps):.3f}, epoch {statistics.median(whole):.3f}"
        print(f"{config}, {width} side by side: {said}")


def _training(config: str, overrides: list[str], watch: bool, width: int) -> Lanes:
    given = [*overrides, "training.epochs=1000000", *([WATCH_ALL] if watch else [])]
    trainers = [prepare(load_spec(config, [*given, f"seed={n}"]))[1].trainer for n in range(width)]
    lanes = Lanes(trainers[0], width=width)
    for one in trainers[: lanes.width]:
        lanes.put(one)
    return lanes


def _epoch(lanes: Lanes) -> tuple[float, float]:
    """Seconds of an epoch, and of the steps in it."""
    trainers = [one for one in lanes.trainers if one is not None]
    before = [one.train_seconds for one in trainers]
    began = time.perf_counter()
    for _, epoch in lanes.train_epoch():
        encode_row(epoch.row().values())
        if epoch.dynamics:
            encode_row(epoch.dynamics.values())
    seconds = time.perf_counter() - began
    return seconds, sum(one.train_seconds - b for one, b in zip(trainers, before, strict=True))


if __name__ == "__main__":
    typer.run(main)
