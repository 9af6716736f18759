"""How many threads pay off: one small network slows down on two."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from minidl.nn import ConvTranspose2d, Linear, Module
from minidl.nn.conv import Convolution

# Multiply-adds of a step's largest product from which torch's threads pay off. Measured on two
# cores: 50 × 25 × 25 is 10 % slower on both, 50 × 128 × 128 a third faster.
WORTH_SHARING = 500_000


def threads_for(network: Module, input_shape: tuple[int, ...], batch_size: int) -> int:
    """One thread for small products, torch's own number for large ones."""
    work = batch_size * max(multiplications(network, input_shape)) * (network.networks or 1)
    return 1 if work < WORTH_SHARING else torch.get_num_threads()


def multiplications(module: Module, input_shape: tuple[int, ...]) -> list[int]:
    """Multiply-adds of each layer's product in a forward pass of one sample; [0] without layers."""
    counts: list[int] = []
    shape = input_shape
    for child in module.children():
        counts += multiplications(child, shape)
        shape = child.output_shape(shape)
    if isinstance(module, Linear | Convolution):
        # A kernel is used at each pixel of the output; a transposed one at each of the input.
        transposed = isinstance(module, ConvTranspose2d)
        image = input_shape if transposed else module.output_shape(input_shape)
        counts.append(math.prod(module.weight.shape) * math.prod(image[1:]))
    return counts or [0]


@contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Let torch compute on that many threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
