"""Small networks with each layer, loss and optimizer, and data for them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from cases import LAYERS, LOSSES, OPTIMIZERS, LossCase, OptimizerCase
from engine.helpers import Training
from torch import Tensor

from minidl import nn

SAMPLES, BATCH, STEPS = 11, 3, 3


Inputs = tuple[Tensor, Tensor]


def data(sample: Sequence[int], loss: LossCase, dtype: torch.dtype) -> Inputs:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(SAMPLES, *sample, generator=generator, dtype=torch.float64)
    target = loss.target(SAMPLES, generator)
    return x.to(dtype), target.to(dtype) if target.is_floating_point() else target


def case(
    layers: Sequence[nn.Module],
    sample: Sequence[int],
    loss: LossCase,
    optimizer: OptimizerCase,
    dtype: torch.dtype,
) -> tuple[Training, Inputs]:
    network = nn.Sequential(*layers).to(dtype=dtype).initialize(seed=3).seed_dropout(4)
    own = Training(network, loss.make(), optimizer.make(network), dtype)
    return own, data(sample, loss, dtype)


def around(number: int, loss: LossCase) -> tuple[list[nn.Module], tuple[int, ...]]:
    """A row of the table of layers, behind a layer with parameters and before one that fits."""
    row = LAYERS[number]
    layer = row.make()
    out = loss.output(2, torch.Generator()).shape[1:]
    before: list[nn.Module] = []
    if len(row.sample) == 1:
        before = [nn.Linear(row.sample[0], row.sample[0])]
    elif len(row.sample) == 3:
        before = [nn.Conv2d(row.sample[0], row.sample[0], 1)]
    width = math.prod(layer.output_shape(row.sample))
    after: list[nn.Module] = [nn.Flatten(), nn.Linear(width, math.prod(out))]
    if isinstance(loss.make(), nn.BCELoss):
        after.append(nn.Sigmoid())
    return [*before, layer, *after], row.sample


def several(numbers: Sequence[int], dtype: torch.dtype) -> dict[str, tuple[Training, Inputs]]:
    """Rows of the table of layers, with the losses and optimizers in turn."""
    flat = [loss for loss in LOSSES if len(loss.output(2, torch.Generator()).shape) == 2]
    made = {}
    for number in numbers:
        loss = flat[(number * 5) % len(flat)]
        optimizer = OPTIMIZERS[(number * 7) % len(OPTIMIZERS)]
        made[f"layer_{number}"] = case(*around(number, loss), loss, optimizer, dtype)
    return made
