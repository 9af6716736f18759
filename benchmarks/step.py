"""How long one training step of the common network takes: minidl, JAX, PyTorch and scikit-learn.

    python benchmarks/step.py [--batch 50] [--rounds 20] [--json]

Everything runs in this process, on one thread, in turns: a round measures each side once, and the
table shows medians over the rounds. `sides.py` has the code that is timed. minidl's step runs many
times in one call as a training has it; in `minidl train` (steps ÷ train_seconds); by
`minidl.compile`, a call from Python each; and uncompiled. JAX is no dependency of the project: pip
install jax==0.10.2; without it the other sides are measured.
"""

from __future__ import annotations

import json
import os
import statistics
from typing import Annotated, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import sklearn
import torch
import typer
from rich.console import Console
from rich.table import Table
from sides import Start, differences, sides
from threadpoolctl import threadpool_limits

OURS, TRAINER, JAX = "minidl, many steps a call", "minidl train", "JAX, jit(scan)"
# A step's time by that of minidl's: the least for the others, the most for `minidl train`.
ASKED = {
    JAX: {1: 1.3, 5: 4.0, 50: 2.5, 200: 2.0},
    TRAINER: dict.fromkeys((1, 5, 50, 200), 1.15),
}


def main(
    batch: Annotated[list[int], typer.Option(help="Batch sizes.")] = [1, 5, 50, 200],  # noqa: B006
    rounds: Annotated[int, typer.Option(min=1, help="How often each side is measured.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> None:
    """Measure a training step at each batch size."""
    torch.set_num_threads(1)
    with threadpool_limits(1):
        results = [measure(size, rounds) for size in batch]
    if as_json:
        print(json.dumps(results, indent=2))
    else:
        show(results, rounds)


def measure(batch_size: int, rounds: int) -> dict[str, Any]:
    """Medians and quartiles of each side at one batch size, in µs."""
    start = Start(batch_size)
    clocks = sides(start)
    times: dict[str, list[float]] = {name: [] for name in clocks}
    for clock in clocks.values():
        clock()  # warm
    for _ in range(rounds):
        for name, clock in clocks.items():
            times[name].append(clock())
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        "batch_size": batch_size,
        "rounds": rounds,
        "microseconds": medians,
        "fastest": {name: min(values) for name, values in times.items()},
        "quartiles": {name: quartiles(values) for name, values in times.items()},
        "ratios": {name: median / medians[OURS] for name, median in medians.items()},
        "weight_differences": differences(start),
    }


def quartiles(values: list[float]) -> tuple[float, float]:
    """The range in which the middle half lies."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def show(results: list[dict[str, Any]], rounds: int) -> None:
    """Print the table and the check of the weights."""
    table = Table(title="One training step: 2-25-25-25-1, ReLU, MSE, SGD, float32, one thread")
    table.add_column("batch", justify="right")
    table.add_column("side", no_wrap=True)
    for name in ("µs a step", "fastest", "ratio", "asked"):
        table.add_column(name, justify="right")
    for result in results:
        size = result["batch_size"]
        for i, (name, median) in enumerate(result["microseconds"].items()):
            table.add_row(
                str(size) if i == 0 else "",
                name,
                f"{median:.3g}",
                f"{result['fastest'][name]:.3g}",
                f"{result['ratios'][name]:.2f}",
                asked(name, size),
            )
        table.add_section()
    console = Console()
    console.print(table)
    console.print(
        f"Medians of {rounds} rounds, ratios to {OURS}; torch {torch.__version__}, "
        f"scikit-learn {sklearn.__version__}."
    )
    spans = [span for result in results for span in result["quartiles"].values()]
    if any(high > 1.1 * low for low, high in spans):
        console.print("Other work slowed some rounds down: run it again.")
    console.print(
        "The same work? After 10 steps from the same weights, the largest difference to PyTorch's,"
        " as a part of the largest change:"
    )
    for name in results[0]["weight_differences"]:
        largest = max(result["weight_differences"][name] for result in results)
        console.print(f"  {name} {largest:.1e}")


def asked(name: str, batch_size: int) -> str:
    """What the project wants of this ratio."""
    value = ASKED.get(name, {}).get(batch_size)
    if value is None:
        return ""
    return f"{'≤' if name == TRAINER else '≥'} {value:g}"


if __name__ == "__main__":
    typer.run(main)
