"""Whether minidl has become slower than it was, relative to its peers.

    python benchmarks/check.py [--batch 5] [--batch 50] [--tries 3] [--rounds 9]

Each side is measured in turns, as `step.py` and `sweep.py` do, and its median divided by minidl's.
A ratio below its floor in every try fails, with exit code 1. The floors are about half of what a
quiet AVX-512 machine gives, so that other processors and busy ones pass: they catch a lost
compiler, lost lanes or a step that has doubled, not a tenth. Without JAX only PyTorch is measured.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import step  # first: it sets the threads of JAX and torch
import sweep
import torch
import typer
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

NETWORKS = 100  # that the others train at once
# What is measured, the peer, and by batch size the least it must take of minidl's time.
FLOORS: dict[tuple[str, str], dict[int, float]] = {
    ("one network", step.JAX): {5: 4.0, 50: 1.4},
    ("one network", "PyTorch, eager"): {5: 80.0, 50: 15.0},
    ("in lanes", sweep.JAX): {5: 5.0, 50: 1.5},
    ("in lanes", sweep.EAGER): {5: 200.0, 50: 30.0},
}


def one_network(batch: int, rounds: int) -> dict[str, float]:
    """The ratios of step.py."""
    ratios: dict[str, float] = step.measure(batch, rounds)["ratios"]
    return ratios


def in_lanes(batch: int, rounds: int) -> dict[str, float]:
    """The ratios of sweep.py, on one thread."""
    times = sweep.measure(batch, NETWORKS, rounds, 1)["microseconds"]
    return {name: value / times[sweep.LANES] for name, value in times.items()}


MEASURES: dict[str, Callable[[int, int], dict[str, float]]] = {
    "one network": one_network,
    "in lanes": in_lanes,
}


def main(
    batch: Annotated[list[int], typer.Option(help="Batch sizes: 5, 50.")] = [5],  # noqa: B006
    tries: Annotated[int, typer.Option(min=1, help="How often a slow one is measured.")] = 3,
    rounds: Annotated[int, typer.Option(min=1, help="How often each side, in a try.")] = 9,
) -> None:
    """Compare ratios with their floors."""
    torch.set_num_threads(1)
    table = Table(title="minidl's speed by that of its peers")
    for column in ("what", "batch", "peer", "ratio", "floor"):
        table.add_column(column, justify="left" if column in ("what", "peer") else "right")
    slow = False
    for name, measure in MEASURES.items():
        for size in batch:
            floors = {peer: by[size] for (what, peer), by in FLOORS.items() if what == name}
            best = dict.fromkeys(floors, 0.0)
            for _ in range(tries):
                with threadpool_limits(1):
                    found = measure(size, rounds)
                best = {peer: max(best[peer], found[peer]) for peer in floors if peer in found}
                if all(ratio >= floors[peer] for peer, ratio in best.items()):
                    break
            for peer, ratio in best.items():
                slow |= ratio < floors[peer]
                table.add_row(name, str(size), peer, f"{ratio:.1f}", f"{floors[peer]:g}")
    Console().print(table)
    if slow:
        sys.exit("minidl is slower than it was: a ratio is below its floor in every try")


if __name__ == "__main__":
    typer.run(main)
