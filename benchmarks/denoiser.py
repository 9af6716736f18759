"""Report 004's denoiser as a training step, in minidl and in PyTorch.

    python benchmarks/denoiser.py NAME

prints by how many MB a process grows while it trains (Linux).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from minidl import nn, optim
from minidl.capture import capture

BATCH, CHANNELS, SIZE = 32, 32, 32

Function = Callable[[], object]


class Upsampling(torch.nn.Sequential):
    """Report 004's Upsampling, in PyTorch."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(
            torch.nn.Upsample(scale_factor=2),
            torch.nn.Conv2d(in_channels, out_channels, kernel_size, padding="same"),
        )


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


def torch_denoiser() -> torch.nn.Sequential:
    """The same in PyTorch."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, CHANNELS, 3, stride=2, padding=1), torch.nn.ReLU(),
        torch.nn.Conv2d(CHANNELS, CHANNELS, 3, stride=2, padding=1), torch.nn.ReLU(),
        Upsampling(CHANNELS, CHANNELS, 3), torch.nn.ReLU(),
        Upsampling(CHANNELS, 3, 3), torch.nn.Sigmoid(),
    )  # fmt: skip


def images(batch: int) -> tuple[Tensor, Tensor]:
    """One batch: noisy and clean."""
    shape = (batch, 3, SIZE, SIZE)
    return torch.rand(shape), torch.rand(shape)


def step(network: nn.Sequential, batch: int) -> Function:
    """A captured training step on one batch."""
    loss, optimizer = nn.MSELoss(), optim.SGD(network, lr=0.5, momentum=0.9)
    network.skip_input_gradient()
    data = images(batch)

    def train(x: Tensor, target: Tensor) -> Tensor:
        value = loss.forward(network.forward(x), target)
        optimizer.zero_grad()
        network.backward(loss.backward())
        optimizer.step()
        return value

    captured = capture(train)
    return lambda: captured(*data)


def torch_step(batch: int) -> Function:
    """PyTorch's, with autograd and torch.optim."""
    network, loss = torch_denoiser(), torch.nn.MSELoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5, momentum=0.9)
    x, target = images(batch)

    def train() -> Tensor:
        optimizer.zero_grad()
        value: Tensor = loss(network(x), target)
        value.backward()
        optimizer.step()
        return value

    return train


STEPS: dict[str, Callable[[int], Function]] = {
    "UpsampleConv2d": lambda batch: step(denoiser(), batch),
    "Upsample, Conv2d": lambda batch: step(denoiser_in_two_steps(), batch),
    "PyTorch": torch_step,
}


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


if __name__ == "__main__":
    torch.manual_seed(0)
    print_peak_memory(sys.argv[1])
