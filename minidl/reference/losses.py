"""Losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from minidl import nn


def loss_counterpart(loss: nn.Loss) -> torch.nn.Module:
    """PyTorch's loss of an output and a target; raises KeyError for a loss that has none."""
    if loss.reduction == "batchmean":
        return BatchMean(LOSSES[type(loss)](loss, "sum"))
    return LOSSES[type(loss)](loss, loss.reduction)


class BatchMean(torch.nn.Module):
    """A sum divided by the number of samples."""

    def __init__(self, total: torch.nn.Module) -> None:
        super().__init__()
        self.total = total

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        value: Tensor = self.total(output, target) / len(output)
        return value


LOSSES: dict[type[nn.Loss], Callable[[Any, str], torch.nn.Module]] = {
    nn.MSELoss: lambda loss, reduction: torch.nn.MSELoss(reduction=reduction),
    nn.BCELoss: lambda loss, reduction: torch.nn.BCELoss(reduction=reduction),
    nn.BCEWithLogitsLoss: lambda loss, reduction: torch.nn.BCEWithLogitsLoss(reduction=reduction),
    nn.CrossEntropyLoss: lambda loss, reduction: torch.nn.CrossEntropyLoss(
        reduction=reduction, label_smoothing=loss.label_smoothing
    ),
}
