"""How often `compare` calls a config different from itself, and finds a shift that was planted.

    python benchmarks/differences.py [--runs 400] [--comparisons 1000]

One config is trained on many seeds, and again with other weights and another order of batches: two
runs for each seed, which share their data. A comparison takes ten of these pairs. A shift is
planted by adding it to one side, in standard deviations of the pairs' differences.
"""

from __future__ import annotations

import math
import tempfile
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from winners import SMALL

import minidl
from minidl.report.members.groups import Statistics
from minidl.report.members.paired import LEVEL, seeds_needed, sign_flip_test

SEEDS = 10  # of a comparison
METRIC = "test_loss"


def main(
    runs: Annotated[int, typer.Option(min=20, help="Seeds that the config is trained on.")] = 400,
    comparisons: Annotated[int, typer.Option(min=100, help="Of ten pairs each.")] = 1000,
) -> None:
    """Measure level, power, and the estimate of how many seeds would tell."""
    differences = trained(runs)
    differences -= differences.mean()  # both sides are the same config, whatever so many runs say
    std = differences.std(ddof=1)
    rng = np.random.default_rng(0)
    drawn = [rng.choice(differences, SEEDS, replace=False) for _ in range(comparisons)]
    table = Table(title=f"{comparisons:,} comparisons of {SEEDS} pairs out of {runs}")
    table.add_column("shift (std of the differences)", justify="right")
    table.add_column("called different", justify="right")
    table.add_column("seeds needed: median estimate", justify="right")
    table.add_column("true", justify="right")
    for shift in (0.0, 0.5, 1.0, 1.5):
        shifted = [one + shift * std for one in drawn]
        called = np.mean([sign_flip_test(one) <= LEVEL for one in shifted])
        cells = ["", ""]
        if shift:
            estimates = [seeds_needed(Statistics.of(one)) or math.inf for one in shifted]
            true = seeds_needed(Statistics(SEEDS, mean=shift, std=1.0))
            cells = [f"{np.median(estimates):g}", f"{true}"]
        table.add_row(f"{shift:g}", f"{100 * called:.1f} %", *cells)
    Console().print(table)


def trained(runs: int) -> np.ndarray:
    """What the second training of each seed has over the first."""
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for first in (0, runs):
            zipped = {
                "seed": [*range(runs)],
                "model.seed": [*range(first, first + runs)],
                "training.seed": [*range(first, first + runs)],
            }
            config = {"name": "itself", **SMALL, "sweep": {"zip": zipped}}
            table = minidl.sweep(config, runs_dir=folder, name=f"from{first}")
            found.append(table.sort_values("seed")[METRIC].to_numpy())
    return np.asarray(found[1] - found[0])


if __name__ == "__main__":
    typer.run(main)
