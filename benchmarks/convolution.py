"""Tables I–III of report 004 for minidl, and its denoiser's training, against PyTorch.

    python benchmarks/convolution.py [--runs N]

Prints Markdown. Differences are the largest absolute one of a run, as mean ± standard deviation
over the runs, in float32 on tensors of shape (100, 3, 10, 10). Times are medians; minidl and
PyTorch take turns in one process, so that both see the same machine. A ratio above 1 means that
minidl is faster.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from denoiser import BATCH, SIZE, STEPS, Function, Upsampling
from torch import Tensor

from minidl import nn
from minidl.capture import capture

SHAPE = (100, 3, 10, 10)


LAYERS: dict[str, tuple[Callable[[], nn.Module], Callable[[], torch.nn.Module]]] = {
    "ReLU": (nn.ReLU, torch.nn.ReLU),
    "Sigmoid": (nn.Sigmoid, torch.nn.Sigmoid),
    "Tanh": (nn.Tanh, torch.nn.Tanh),
    "Conv2d": (lambda: nn.Conv2d(3, 3, 3), lambda: torch.nn.Conv2d(3, 3, 3)),
    "Upsampling": (lambda: nn.UpsampleConv2d(3, 3, 3), lambda: Upsampling(3, 3, 3)),
}


class LayerPair:
    """A layer here and in PyTorch, with the same parameters, on the same random tensors."""

    def __init__(self, name: str) -> None:
        make, make_reference = LAYERS[name]
        self.mine, self.theirs = make(), make_reference()
        self.x = torch.empty(SHAPE)
        self.leaf = self.x.clone().requires_grad_()
        self.grad_output = torch.empty_like(self.mine(self.x))
        self.draw()
        self._forward = capture(self.mine.forward)
        self._both = capture(self._forward_and_backward)

    def _forward_and_backward(self, x: Tensor, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        self.mine.zero_grad()
        return self.mine.forward(x), self.mine.backward(grad_output)

    def draw(self) -> None:
        """New random tensors and parameters."""
        with torch.no_grad():
            self.x.normal_()
            self.leaf.copy_(self.x)
            self.grad_output.normal_().div_(self.grad_output.numel())  # as behind a mean loss
            self.mine.initialize()
            for mine, theirs in zip(self.mine.parameters(), self.theirs.parameters(), strict=True):
                theirs.copy_(mine.data)

    def forward(self) -> object:
        return self._forward(self.x)

    def reference_forward(self) -> object:
        with torch.no_grad():
            return self.theirs(self.leaf)

    def both(self) -> tuple[Tensor, Tensor]:
        y, grad = self._both(self.x, self.grad_output)
        return y, grad

    def reference_both(self) -> Tensor:
        self.leaf.grad = None
        self.theirs.zero_grad()
        y: Tensor = self.theirs(self.leaf)
        y.backward(self.grad_output)
        return y.detach()

    def differences(self) -> list[float]:
        """Of y, dx and each parameter's gradient."""
        y, grad = self.both()
        reference = self.reference_both()
        pairs = [(y, reference), (grad, self.leaf.grad)]
        parameters = zip(self.mine.parameters(), self.theirs.parameters(), strict=True)
        pairs += [(mine.grad, theirs.grad) for mine, theirs in parameters]
        return [_distance(a, b) for a, b in pairs]


class LossPair(LayerPair):
    """MSE of a random output and a random target."""

    def __init__(self) -> None:
        mine, self.theirs = nn.MSELoss(), torch.nn.MSELoss()
        self.x, self.target = torch.empty(SHAPE), torch.empty(SHAPE)
        self.leaf = self.x.clone().requires_grad_()
        self.draw()
        self._forward = capture(mine.forward)
        self._both = capture(lambda x, t: (mine.forward(x, t), mine.backward()))

    def draw(self) -> None:
        with torch.no_grad():
            self.x.normal_()
            self.target.normal_()
            self.leaf.copy_(self.x)

    def forward(self) -> object:
        return self._forward(self.x, self.target)

    def reference_forward(self) -> object:
        with torch.no_grad():
            return self.theirs(self.leaf, self.target)

    def both(self) -> tuple[Tensor, Tensor]:
        value, grad = self._both(self.x, self.target)
        return value, grad

    def reference_both(self) -> Tensor:
        self.leaf.grad = None
        value: Tensor = self.theirs(self.leaf, self.target)
        value.backward()
        return value.detach()

    def differences(self) -> list[float]:
        value, grad = self.both()
        reference = self.reference_both()
        return [_distance(value, reference), _distance(grad, self.leaf.grad)]


def _distance(a: Tensor, b: Tensor | None) -> float:
    assert b is not None
    return float((a - b).abs().max())


def medians(functions: Sequence[Function], runs: int) -> list[float]:
    """Median seconds of each, called in turns."""
    for function in functions:
        for _ in range(3):
            function()
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(runs):
        for function, taken in zip(functions, seconds, strict=True):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in seconds]


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print Markdown."""
    print(f"\n{title}\n\n| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def layer_tables(runs: int) -> None:
    """Tables I, II and III."""
    torch.set_num_threads(1)
    pairs = {"MSE": LossPair(), **{name: LayerPair(name) for name in LAYERS}}
    pairs = {name: pairs[name] for name in ("ReLU", "Sigmoid", "Tanh", "MSE", *list(LAYERS)[3:])}
    differences = {}
    for name, pair in pairs.items():
        seen = []
        for _ in range(runs):
            pair.draw()
            seen.append(pair.differences())
        columns = list(zip(*seen, strict=True))
        differences[name] = [
            f"{statistics.fmean(c):.1e} ± {statistics.pstdev(c):.0e}" for c in columns
        ]
    table(
        f"Table I: largest difference to PyTorch, forward ({runs} runs)",
        ["module", "Δ y"],
        [[name, values[0]] for name, values in differences.items()],
    )
    table(
        f"Table II: largest difference to PyTorch, backward ({runs} runs)",
        ["module", "Δ dx", "Δ dW", "Δ db"],
        [[name, *[*values[1:], "—", "—"][:3]] for name, values in differences.items()],
    )
    rows = []
    for name, pair in pairs.items():
        mine, theirs, mine2, theirs2 = medians(
            [pair.forward, pair.reference_forward, pair.both, pair.reference_both], runs
        )
        rows.append([name, *_compared(mine, theirs, 1e6), *_compared(mine2, theirs2, 1e6)])
    table(
        f"Table III: µs on one thread, medians of {runs}",
        ["module", "forward", "PyTorch", "ratio", "forward + backward", "PyTorch", "ratio"],
        rows,
    )


def _compared(mine: float, theirs: float, unit: float) -> list[str]:
    return [f"{mine * unit:.1f}", f"{theirs * unit:.1f}", f"**{theirs / mine:.2f}**"]


def denoiser_table(runs: int) -> None:
    """Milliseconds a training step."""
    rows = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        taken = dict(
            zip(STEPS, medians([make(BATCH) for make in STEPS.values()], runs), strict=True)
        )
        for name in list(STEPS)[:-1]:
            rows.append([name, str(threads), *_compared(taken[name], taken["PyTorch"], 1e3)])
    table(
        f"Denoiser: ms a training step (batch {BATCH}, {SIZE}×{SIZE}), medians of {runs}",
        ["upsampling as", "threads", "minidl", "PyTorch", "ratio"],
        rows,
    )


def memory_table() -> None:
    """Each training in a process of its own."""
    measured = {name: _peak(name) for name in STEPS}
    table(
        "Denoiser: peak memory of a training, beyond what the process had before (MB)",
        ["upsampling as", "minidl", "PyTorch", "minidl / PyTorch"],
        [
            [name, f"{measured[name]:.1f}", f"{measured['PyTorch']:.1f}",
             f"**{measured[name] / measured['PyTorch']:.2f}**"]
            for name in list(STEPS)[:-1]
        ],
    )  # fmt: skip


def _peak(name: str) -> float:
    command = [sys.executable, str(Path(__file__).with_name("denoiser.py")), name]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=300, help="how often everything is measured")
    options: Any = parser.parse_args()
    torch.manual_seed(0)
    layer_tables(options.runs)
    denoiser_table(max(20, options.runs // 5))
    memory_table()


if __name__ == "__main__":
    main()
