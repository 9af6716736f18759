"""Report 004's denoiser as a training step, in minidl and in PyTorch: time and memory.

    python benchmarks/denoiser.py [--runs 60]

Prints Markdown. Both take turns in one process; a ratio above 1 means that minidl is faster. Memory
is by how many MB a process of its own grows while it trains (Linux).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from minidl import nn, optim
from minidl.bench.timing import medians
from minidl.engine import compile
from minidl.reference import counterpart
from minidl.report.tables.sheet import Field, Record, Sheet, as_text

BATCH, CHANNELS, SIZE = 32, 32, 32

Function = Callable[[], object]


def denoiser() -> nn.Sequential:
    """Report 004's network."""
    return nn.Sequential(
        nn.Conv2d(3, CHANNELS, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(CHANNELS, CHANNELS, 3, stride=2, padding=1), nn.ReLU(),
        nn.UpsampleConv2d(CHANNELS, CHANNELS, 3), nn.ReLU(),
        nn.UpsampleConv2d(CHANNELS, 3, 3), nn.Sigmoid(),
    )  # fmt: skip


def denoiser_in_two_steps() -> nn.Sequential:
    """The same with Upsample and Conv2d as layers of their own."""
    return nn.Sequential(
        nn.Conv2d(3, CHANNELS, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(CHANNELS, CHANNELS, 3, stride=2, padding=1), nn.ReLU(),
        nn.Upsample(2), nn.Conv2d(CHANNELS, CHANNELS, 3, padding="same"), nn.ReLU(),
        nn.Upsample(2), nn.Conv2d(CHANNELS, 3, 3, padding="same"), nn.Sigmoid(),
    )  # fmt: skip


def torch_denoiser(seed: int) -> torch.nn.Module:
    """The same in PyTorch, with its own first weights."""
    network = counterpart(denoiser())
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.reset_parameters()
    return network


def images(batch: int) -> tuple[Tensor, Tensor]:
    """One batch: noisy and clean."""
    shape = (batch, 3, SIZE, SIZE)
    return torch.rand(shape), torch.rand(shape)


def step(network: nn.Sequential, batch: int) -> Function:
    """A compiled training step on one batch."""
    loss, optimizer = nn.MSELoss(), optim.SGD(network, lr=0.5, momentum=0.9)
    data = images(batch)

    def train(x: Tensor, target: Tensor) -> Tensor:
        value = loss.forward(network.forward(x), target)
        optimizer.zero_grad()
        network.backward(loss.backward())
        optimizer.step()
        return value

    compiled = compile(train)
    return lambda: compiled(*data)


def torch_step(batch: int) -> Function:
    """PyTorch's, with autograd and torch.optim."""
    network, loss = torch_denoiser(0), torch.nn.MSELoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5, momentum=0.9)
    x, target = images(batch)

    def train() -> Tensor:
        optimizer.zero_grad()
        value: Tensor = loss(network(x), target)
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return value

    return train


STEPS: dict[str, Callable[[int], Function]] = {
    "UpsampleConv2d": lambda batch: step(denoiser(), batch),
    "Upsample, Conv2d": lambda batch: step(denoiser_in_two_steps(), batch),
    "PyTorch": torch_step,
}
OURS = list(STEPS)[:-1]


def times(runs: int) -> Sheet:
    """Milliseconds a training step; minidl's takes one thread, PyTorch's one or two."""
    records: list[Record] = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        calls = [(make(BATCH), nullcontext) for make in STEPS.values()]
        taken = dict(zip(STEPS, medians(calls, runs), strict=True))
        records += [
            {"upsampling as": name, "PyTorch's threads": threads, "ours": 1e3 * taken[name],
             "PyTorch": 1e3 * taken["PyTorch"], "ratio": taken["PyTorch"] / taken[name]}
            for name in OURS
        ]  # fmt: skip
    title = f"Denoiser: ms a training step (batch {BATCH}, {SIZE}×{SIZE}), medians of {runs}"
    return _sheet(title, records)


def memory() -> Sheet:
    """Each training in a process of its own."""
    measured = {name: _peak(name) for name in STEPS}
    records = [
        {"upsampling as": name, "ours": measured[name], "PyTorch": measured["PyTorch"],
         "ours / PyTorch": measured[name] / measured["PyTorch"]}
        for name in OURS
    ]  # fmt: skip
    return _sheet("Denoiser: peak memory of a training, MB beyond what was there before", records)


def _sheet(title: str, records: Sequence[Record]) -> Sheet:
    def field(name: str) -> Field:
        def show(record: Record) -> str:
            value = record[name]
            return f"{value:.2f}" if isinstance(value, float) else str(value)

        return Field(name, show, number=name != "upsampling as")

    return Sheet("denoiser", title, [field(name) for name in records[0]], records)


def _peak(name: str) -> float:
    command = [sys.executable, __file__, "--peak-of", name]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak_memory(name: str) -> None:
    """By how many MB this process grows at most while it trains."""
    torch.set_num_threads(1)
    STEPS[name](1)()  # loads the libraries
    before = _memory("VmRSS")
    train = STEPS[name](BATCH)
    for _ in range(20):
        train()
    print((_memory("VmHWM") - before) / 1024)


def _memory(key: str) -> int:
    """This process's memory in KB, as Linux counts it (getrusage would count the parent's too)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))


def main(
    runs: Annotated[int, typer.Option(min=1, help="How often each step is timed.")] = 60,
    peak_of: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Measure the denoiser's training step."""
    torch.manual_seed(0)
    if peak_of is not None:
        print_peak_memory(peak_of)
        return
    print(as_text([times(runs), memory()], [], "md"), end="")


if __name__ == "__main__":
    typer.run(main)
