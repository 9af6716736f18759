"""Losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor

from minidl import nn
from minidl.reference.case import IMAGE, ROW

Shape = tuple[int, ...]
Draw = Callable[[Shape, Generator], Tensor]  # shape: that of the output, (N, …); in float64


@dataclass(frozen=True)
class LossCases:
    """How a class of losses is proven.

    theirs: from one of ours, and a reduction, to PyTorch's. sample: what `minidl bench` measures
    on, with targets of the first kind. tried: samples and targets of the tests. options: all but
    the reduction.
    """

    theirs: Callable[[Any, str], torch.nn.Module]
    sample: Shape
    output: Draw
    tried: Sequence[tuple[Shape, Draw]]
    options: dict[str, Any] = field(default_factory=dict)


def loss_counterpart(loss: nn.Loss) -> torch.nn.Module:
    """PyTorch's loss of an output and a target; raises KeyError for a loss that has none."""
    theirs = LOSSES[type(loss)].theirs
    if loss.reduction == "batchmean":
        return BatchMean(theirs(loss, "sum"))
    return theirs(loss, loss.reduction)


class BatchMean(torch.nn.Module):
    """A sum divided by the number of samples."""

    def __init__(self, total: torch.nn.Module) -> None:
        super().__init__()
        self.total = total

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        value: Tensor = self.total(output, target) / len(output)
        return value


class WeightMean(torch.nn.Module):
    """Cross-entropy over the sum of all weights, of which targets (N, C) are made."""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        value: Tensor = torch.nn.functional.cross_entropy(output, target, reduction="sum")
        return value / target.sum()


class SignedWeights(torch.nn.Module):
    """Binary cross-entropy by a function of PyTorch's; targets are weights, with − where t is 0."""

    def __init__(self, function: Callable[..., Tensor], reduction: str) -> None:
        super().__init__()
        self.function, self.reduction = function, reduction

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        t = (target > 0).to(output.dtype)
        return self.function(output, t, weight=target.abs(), reduction=self.reduction)


def normal(shape: Shape, generator: Generator) -> Tensor:
    """Numbers of any size."""
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def unit(shape: Shape, generator: Generator) -> Tensor:
    """Numbers between 0 and 1."""
    return torch.rand(shape, generator=generator, dtype=torch.float64) * 0.98 + 0.01


def distribution(shape: Shape, generator: Generator) -> Tensor:
    """Probabilities of the classes."""
    return normal(shape, generator).softmax(-1)


def index(shape: Shape, generator: Generator) -> Tensor:
    """Classes, (N,)."""
    return torch.randint(shape[-1], shape[:-1], generator=generator)


LOSSES: dict[type[nn.Loss], LossCases] = {
    nn.MSELoss: LossCases(
        lambda loss, reduction: torch.nn.MSELoss(reduction=reduction),
        *(IMAGE, normal, [((3,), normal), ((1,), unit), ((3, 4, 2), unit)]),
    ),
    nn.MAELoss: LossCases(
        lambda loss, reduction: torch.nn.L1Loss(reduction=reduction),
        *(IMAGE, normal, [((3,), normal), ((1,), unit), ((3, 4, 2), unit)]),
    ),
    nn.HuberLoss: LossCases(
        lambda loss, reduction: torch.nn.HuberLoss(reduction=reduction, delta=loss.delta),
        *(IMAGE, normal, [((3,), normal), ((3, 4, 2), unit)]),
        {"delta": 0.5},
    ),
    nn.SmoothL1Loss: LossCases(
        lambda loss, reduction: torch.nn.SmoothL1Loss(reduction=reduction, beta=loss.beta),
        *(IMAGE, normal, [((3,), normal), ((3, 4, 2), unit)]),
        {"beta": 0.5},
    ),
    nn.BCELoss: LossCases(
        lambda loss, reduction: torch.nn.BCELoss(reduction=reduction),
        *(IMAGE, unit, [((1,), unit)]),
    ),
    nn.BCEWithLogitsLoss: LossCases(
        lambda loss, reduction: torch.nn.BCEWithLogitsLoss(reduction=reduction),
        *(IMAGE, normal, [((2,), unit)]),
    ),
    nn.CrossEntropyLoss: LossCases(
        lambda loss, reduction: torch.nn.CrossEntropyLoss(
            reduction=reduction, label_smoothing=loss.label_smoothing
        ),
        *(ROW, normal, [((4,), index), ((4,), distribution), ((4,), unit)]),
        {"label_smoothing": 0.1},
    ),
    nn.WeightedCrossEntropyLoss: LossCases(
        lambda loss, reduction: (
            WeightMean() if reduction == "mean" else torch.nn.CrossEntropyLoss(reduction=reduction)
        ),
        *(ROW, unit, [((4,), distribution), ((4,), unit)]),
    ),
    nn.WeightedBCELoss: LossCases(
        lambda loss, reduction: SignedWeights(torch.nn.functional.binary_cross_entropy, reduction),
        *(IMAGE, unit, [((1,), normal)]),
    ),
    nn.WeightedBCEWithLogitsLoss: LossCases(
        lambda loss, reduction: SignedWeights(
            torch.nn.functional.binary_cross_entropy_with_logits, reduction
        ),
        *(IMAGE, normal, [((2,), normal)]),
    ),
}
