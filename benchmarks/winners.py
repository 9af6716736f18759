"""By how much the best of 60 identical configs flatters, and what `sweep --confirm` says of it.

    python benchmarks/winners.py [--studies 30] [--fresh 10]

Sixty configs differ in nothing but seeds and in a clipping that never happens, so that none is
better. The table shows how far the best one's test accuracy lies above the truth, the mean of all
runs, in standard deviations of a run: as its sweep has it, and over fresh seeds.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

import minidl
from minidl.report.members.collect import collect
from minidl.report.members.confirmed import best_group, fresh_seeds

ALIKE = 60
METRIC = "test_accuracy"
# Moons with much noise, a small network, a few epochs.
SMALL: dict[str, Any] = {
    "data": {"type": "moons", "train": 100, "test": 100, "noise": 0.3},
    "model": {"mlp": [8]},
    "loss": "bce_with_logits",
    "optimizer": {"type": "adam", "lr": 0.02},
    "training": {"epochs": 10, "batch_size": 20},
}


def main(
    studies: Annotated[int, typer.Option(min=2, help="How many sweeps of 60.")] = 30,
    fresh: Annotated[int, typer.Option(min=2, help="Fresh seeds for the best of each.")] = 10,
) -> None:
    """Measure both biases."""
    everything: list[float] = []
    found: dict[str, list[float]] = {"the sweep's best": [], f"{fresh} fresh seeds": []}
    with tempfile.TemporaryDirectory() as folder:
        for study in range(studies):
            swept = Path(folder) / f"study{study}"
            table = minidl.sweep(config(1000 * study), runs_dir=folder, name=swept.name)
            members = collect([swept]).members
            best = best_group(members, METRIC)
            again = minidl.sweep(
                best.members[0].folder.config_path,
                fresh_seeds(members, best, fresh),
                runs_dir=folder,
                name=f"{swept.name}-fresh",
            )
            everything += table[METRIC].tolist()
            swept_values, fresh_values = found.values()
            swept_values.append(best.statistics(METRIC).mean)
            fresh_values.append(float(again[METRIC].mean()))
    show(np.array(everything), found)


def config(first_seed: int) -> dict[str, Any]:
    """A sweep of them, each with a seed of its own."""
    return {
        "name": "alike",
        **SMALL,
        "sweep": {
            "zip": {
                "training.clip_norm": [1e9 + index for index in range(ALIKE)],
                "seed": [first_seed + index for index in range(ALIKE)],
            }
        },
    }


def show(everything: np.ndarray, found: dict[str, list[float]]) -> None:
    """Biases in standard deviations of a run, with the error of their means."""
    truth, std = everything.mean(), everything.std(ddof=1)
    studies = len(next(iter(found.values())))
    table = Table(title=f"{studies} sweeps of {ALIKE} configs, all alike")
    for head in ("test accuracy of the best", "points above the truth", "in std of a run"):
        table.add_column(head, justify="right" if head != "test accuracy of the best" else "left")
    for name, values in found.items():
        above = np.array(values) - truth
        error = above.std(ddof=1) / np.sqrt(len(values))
        cells = [f"{scale * above.mean():.2f} ± {scale * error:.2f}" for scale in (100, 1 / std)]
        table.add_row(name, *cells)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
