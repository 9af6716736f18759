"""Targets of samples that count unequally."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minidl.build.options import problem
from minidl.data import Dataset
from minidl.data.messages import listed
from minidl.spec import Spec
from minidl.train.evaluation import Part

KEY = "loss.class_weights"


def training_targets(spec: Spec, data: Dataset, part: Part) -> Tensor:
    """The training part's targets as the loss takes them in steps.

    With weights those of the weighted loss: (N, classes) for cross-entropy, else (N, 1). Raises
    ConfigError for a weight of a class that the data doesn't have.
    """
    given: str | Mapping[str, float] | None = getattr(spec.loss, "class_weights", None)
    pos_weight: float | None = getattr(spec.loss, "pos_weight", None)
    if pos_weight is not None:
        weights = np.array([1.0, pos_weight])
    elif given is not None:
        weights = _balanced(data) if isinstance(given, str) else _named(spec, given, data)
    else:
        return part.targets
    signed = spec.loss.type != "cross_entropy"
    table = weights[:, None] * [[-1], [1]] if signed else np.diag(weights)
    return torch.from_numpy(table).to(part.inputs.device, part.inputs.dtype)[part.labels]


def _balanced(data: Dataset) -> NDArray[Any]:
    """N / (C n) for a class of n samples, as in scikit-learn; 0 for one without any."""
    counts = np.bincount(data.train.targets, minlength=data.classes)
    return np.where(counts, counts.sum() / (data.classes * np.maximum(counts, 1)), 0.0)


def _named(spec: Spec, given: Mapping[str, float], data: Dataset) -> NDArray[Any]:
    unknown = tuple(name for name in given if name not in data.class_names)
    if unknown:
        message = f"the data has no class {listed(unknown, 3)}; its classes are"
        raise problem(spec, KEY, f"{message} {listed(data.class_names)}")
    return np.array([given.get(name, 1.0) for name in data.class_names])
