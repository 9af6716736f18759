"""All metrics that fit a run's task, whatever it was asked for, of what it leaves behind."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from minidl.build import Experiment
from minidl.train.metrics import Metrics, fitting

PARTS = ("val", "test")  # what the training part says of a network is in metrics.csv

Array = NDArray[Any]


def measures(experiment: Experiment, arrays: Mapping[str, Array]) -> dict[str, float]:
    """test_f1_macro and the like, of the outputs in predictions.npz; undefined ones are left out.

    In float64, whatever the training's dtype. Runs on images have none.
    """
    encoding, loss = experiment.encoding, experiment.trainer.evaluator.loss
    metrics = Metrics(fitting(encoding, loss), encoding, loss)
    found: dict[str, float] = {}
    for part in PARTS:
        if not metrics.names or f"{part}_output" not in arrays:
            continue
        outputs = arrays[f"{part}_output"].astype(np.float64)
        with np.errstate(all="ignore"):  # what overflows isn't finite, and left out
            values = _measured(metrics, outputs, arrays[f"{part}_target"])
        fitting_ones = ((name, values[name]) for name in metrics.names)
        found |= {f"{part}_{name}": x for name, x in fitting_ones if math.isfinite(x)}
    return found


def _measured(metrics: Metrics, outputs: Array, targets: Array) -> dict[str, float]:
    if not metrics.classes:
        mse = ((outputs - targets) ** 2).mean(0).tolist()
        return metrics.of_sums([], len(targets), [], mse) | metrics.of_outputs(outputs, targets)
    labels = targets.astype(np.int64)
    sums = torch.zeros(metrics.size, dtype=torch.float64)
    metrics.add(sums, torch.from_numpy(outputs), torch.from_numpy(labels))
    found = metrics.of_sums(sums.tolist(), len(labels), np.bincount(labels).tolist(), [])
    return found | metrics.of_outputs(outputs, labels)
