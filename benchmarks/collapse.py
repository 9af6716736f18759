"""Why report 004's own network collapsed: its settings in PyTorch, one of them changed at a time.

    python benchmarks/collapse.py [--epochs 2] [--seed 0]

The report gives neither rate nor initialisation; it says that the network “would always start to
output a zero matrix”, and that its Sigmoid's gradient is off by (2.49991 ± 0.00001)·10⁻¹ on tensors
of (100, 3, 10, 10). The first table asks which mistake makes that number, the second one what the
mistake does to a training on noise-to-noise pairs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
import typer
from denoiser import torch_denoiser
from rich.console import Console
from rich.table import Table
from torch import Tensor

from minidl.data import load_dataset
from minidl.seeds import generator
from minidl.spec.data import PhotoPatchesData

BATCH = 32
STEPS_SHOWN = (1, 10, 60)


def wrong_sigmoid(slope: Callable[[Tensor, Tensor], Tensor]) -> type[torch.nn.Module]:
    """A sigmoid y whose backward returns `slope(dy, y)`."""

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, x: Tensor) -> Tensor:
            y = torch.sigmoid(x)
            context.save_for_backward(y)
            return y

        @staticmethod
        def backward(context: Any, grad: Tensor) -> Tensor:
            (y,) = context.saved_tensors
            return slope(grad, y)

    class Sigmoid(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return Function.apply(x)  # type: ignore[no-any-return, no-untyped-call]

    return Sigmoid


MISTAKES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "y (1 − y): without the gradient that comes in": lambda dy, y: y * (1 - y),
    "dy y: without 1 − y": lambda dy, y: dy * y,
    "dy (1 − y): without y": lambda dy, y: dy * (1 - y),
    "dy: no derivative": lambda dy, y: dy,
    "−dy y (1 − y): the wrong sign": lambda dy, y: -dy * y * (1 - y),
}
ALONE = next(iter(MISTAKES))


def which_mistake(runs: int = 200) -> Table:
    """The largest difference from PyTorch's gradient of the mean of σ(x), as mean ± std."""
    table = Table(
        "what backward returns", "max |difference| of dL/dx", title="Report: 0.249991 ± 0.000001"
    )
    for name, slope in MISTAKES.items():
        found = []
        for _ in range(runs):
            x = torch.randn(100, 3, 10, 10)
            gradients = []
            for module in (torch.nn.Sigmoid(), wrong_sigmoid(slope)()):
                leaf = x.clone().requires_grad_()
                module(leaf).mean().backward()
                assert leaf.grad is not None
                gradients.append(leaf.grad)
            found.append((gradients[0] - gradients[1]).abs().max())
        values = torch.stack(found)
        table.add_row(name, f"{values.mean():.6f} ± {values.std():.6f}")
    return table


# What is changed: the report's guessed settings come first.
REPORT: dict[str, Any] = {
    "sigmoid": ALONE,
    "init": "uniform",
    "lr": 0.1,
    "momentum": 0.0,
    "optimizer": "sgd",
    "target": "noisy",
    "reduction": "mean",
}
CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {"lr": 1e-3},
    {"lr": 1e-5},
    {"init": "xavier"},
    {"momentum": 0.9},
    {"optimizer": "adam", "lr": 1e-3},
    {"target": "clean"},
    {"sigmoid": "right"},
    {"sigmoid": "right", "reduction": "sum", "lr": 1e-5},
    {"sigmoid": "right", "lr": 0.5, "momentum": 0.9},
    {"sigmoid": "right", "lr": 0.5, "momentum": 0.9, "init": "xavier"},
)


def main(
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each training.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Draws patches, weights and order.")] = 0,
) -> None:
    """Find the mistake, then vary one thing at a time."""
    torch.manual_seed(seed)
    console = Console(width=110)
    console.print(which_mistake())
    steps = [f"step {step}" for step in STEPS_SHOWN]
    title = "Mean output (should be: 0.35); PSNR in dB"
    table = Table("changed", *steps, "end", "PSNR", title=title)
    for change in CHANGES:
        means, psnr = train({**REPORT, **change}, epochs, seed)
        words = ", ".join(f"{k} {v}" for k, v in change.items()) or "nothing: the report"
        table.add_row(words, *(f"{mean:.4f}" for mean in means), f"{psnr:.2f}")
    console.print(table)


def train(settings: dict[str, Any], epochs: int, seed: int) -> tuple[list[float], float]:
    """The mean output after some steps and at the end, and the PSNR on clean test images."""
    data = load_dataset(PhotoPatchesData(target=settings["target"]), generator(seed, "data"))
    x, target = (torch.from_numpy(a) for a in (data.train.inputs, data.train.targets))
    test, clean = (torch.from_numpy(a) for a in (data.test.inputs, data.test.truth))
    network = torch_denoiser(seed)
    if settings["sigmoid"] != "right":
        network[-1] = wrong_sigmoid(MISTAKES[settings["sigmoid"]])()  # type: ignore[operator]
    if settings["init"] == "xavier":
        for parameter in network.parameters():
            if parameter.dim() > 1:
                torch.nn.init.xavier_normal_(parameter, 2**0.5)
            else:
                torch.nn.init.zeros_(parameter)
    if settings["optimizer"] == "adam":
        optimizer: torch.optim.Optimizer = torch.optim.Adam(network.parameters(), settings["lr"])
    else:
        optimizer = torch.optim.SGD(
            network.parameters(), settings["lr"], momentum=settings["momentum"]
        )
    means, step = [], 0
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(BATCH):  # type: ignore[no-untyped-call]
            optimizer.zero_grad()
            output = network(x[rows])
            loss = torch.nn.MSELoss(reduction=settings["reduction"])
            loss(output, target[rows]).backward()
            optimizer.step()
            step += 1
            if step in STEPS_SHOWN:
                means.append(_mean_output(network, test))
    with torch.no_grad():
        mse = (network(test) - clean).square().mean((1, 2, 3))
    psnr = float(-10 * mse.clamp_min(1e-10).log10().mean())
    return [*means, _mean_output(network, test)], psnr


def _mean_output(network: torch.nn.Module, x: Tensor) -> float:
    with torch.no_grad():
        return float(network(x[:100]).mean())


if __name__ == "__main__":
    typer.run(main)
