"""Report 001, table III: the same training in minidl and in PyTorch, accuracy and time.

Both start from the same weights and see the same batches; PyTorch with autograd, torch.nn and
torch.optim, on one thread. `python benchmarks/pytorch_comparison.py --seeds 10`
"""

from __future__ import annotations

import statistics
import time
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from minidl.execute import prepare
from minidl.spec import Spec, parse_spec

CONFIG = Path(__file__).parents[1] / "configs" / "studies" / "pytorch_comparison.yaml"


def in_minidl(spec: Spec) -> tuple[float, float]:
    """Test accuracy and seconds in training steps."""
    *_, last = prepare(spec)[1].trainer
    return last.metrics["test_accuracy"][0], last.train_seconds


def in_pytorch(spec: Spec) -> tuple[float, float]:
    """The same network, weights and batches."""
    trainer = prepare(spec)[1].trainer
    sizes = [2, 25, 25, 25, 1]
    layers: list[torch.nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1])
    with torch.no_grad():
        for theirs, ours in zip(network.parameters(), trainer.network.parameters(), strict=True):
            theirs.copy_(ours.data)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    loss = torch.nn.MSELoss()
    seconds = 0.0
    for _ in range(spec.training.epochs):
        started = time.perf_counter()
        for x, target in trainer.batches:
            optimizer.zero_grad()
            loss(network(x), target).backward()
            optimizer.step()
        seconds += time.perf_counter() - started
    test = trainer.parts["test"]
    with torch.no_grad():
        right = (network(test.inputs).squeeze(-1) >= 0.5) == test.labels.bool()
    return right.double().mean().item(), seconds


def main(seeds: Annotated[int, typer.Option(min=2, help="How many trainings.")] = 10) -> None:
    """Train with each seed in both, in turn, and print the means."""
    torch.set_num_threads(1)
    sides = {"PyTorch": in_pytorch, "minidl": in_minidl}
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for seed in range(seeds):
        # The study's block is for `minidl sweep`; here each member is a run of its own.
        text = CONFIG.read_text(encoding="utf-8").split("\nsweep:")[0]
        spec = parse_spec(text, str(CONFIG), [f"seed={seed}"])
        for name, train in sides.items():
            measured[name].append(train(spec))
    table = Table("", "right of 1,000", "seconds", title=f"Table III of report 001, {seeds} seeds")
    for name, pairs in measured.items():
        accuracies, seconds = zip(*pairs, strict=True)
        mean, std = statistics.mean(accuracies), statistics.stdev(accuracies)
        table.add_row(
            name, f"{1000 * mean:.1f} ± {1000 * std:.1f}", f"{statistics.median(seconds):.3f}"
        )
    ratio = statistics.median(t for _, t in measured["PyTorch"]) / statistics.median(
        t for _, t in measured["minidl"]
    )
    Console().print(
        table, f"PyTorch takes {ratio:.1f} times as long (the report's own took 0.945)."
    )


if __name__ == "__main__":
    typer.run(main)
