"""How long the losses of `minidl report --landscape` take, for the network of the README.

    OMP_NUM_THREADS=1 python benchmarks/landscape.py [--rounds 5]

Trains configs/relu_mse_sgd.yaml (2-25-25-25-1, 1,000 samples), and evaluates 41 × 41 points of the
plane through its path: medians, with the training that is repeated for the path, and the points
alone.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Annotated, Any
from unittest import mock

import typer
from numpy.typing import NDArray

import minidl
from minidl.again.landscape import CELLS, landscape
from minidl.runs.replay import Replay
from minidl.train.lanes import Lanes
from minidl.train.trainer import Trainer

CONFIG = Path(__file__).parent.parent / "configs/relu_mse_sgd.yaml"


def main(rounds: Annotated[int, typer.Option(min=1)] = 5) -> None:
    """Asked: 41 × 41 points in at most 2 s."""
    points, whole = list[float](), list[float]()
    evaluate = Lanes.losses

    def timed(lanes: Lanes, like: Trainer, part: str, where: NDArray[Any]) -> NDArray[Any]:
        started = time.perf_counter()
        losses = evaluate(lanes, like, part, where)
        if len(where) == CELLS**2:  # not the run's own point
            points.append(time.perf_counter() - started)
        return losses

    with tempfile.TemporaryDirectory() as folder, mock.patch.object(Lanes, "losses", timed):
        run = minidl.train(CONFIG, runs_dir=folder, name="one")
        for _ in range(rounds):
            started = time.perf_counter()
            landscape([Replay.of_run(run.path)])
            whole.append(time.perf_counter() - started)
    seconds = f"{median(points):.3f} s; with the training: {median(whole):.2f} s"
    print(f"{CELLS} × {CELLS} points: {seconds}")


if __name__ == "__main__":
    typer.run(main)
