"""The metrics of a run as a report names them: where they stand, which way is up, how they look."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from minidl.scores import accuracy_of
from minidl.store.run_record import RunRecord

NAN = math.nan
_WRITTEN = {"r2": "R²", "psnr": "PSNR (dB)", "f1": "F1", "brier": "Brier score"}
_WRITTEN |= {short: short.upper() for short in ("mse", "mae", "rmse", "ece", "roc", "auc")}


def words(metric: str) -> str:
    """A metric in words: test_r2 → test R²."""
    special = {"train_seconds": "training time (s)", "lr": "learning rate"}
    if metric in special:
        return special[metric]
    return " ".join(_WRITTEN.get(word, word) for word in metric.split("_"))


def measured(record: RunRecord, metric: str, epoch: str = "last") -> float:
    """A metric of a finished run from its run.json; NaN where the run doesn't say.

    `epoch` is "last", or "best" for the best epoch on the metric that the run watched.
    """
    row = record.best if epoch == "best" else record.final
    if metric in ("train_seconds", "parameters"):
        return number(getattr(record, metric))
    if metric == "epochs":
        return number(row.get("epoch") if epoch == "best" else record.epochs)
    if accuracy := accuracy_of(metric):
        return 1 - number(row.get(accuracy))
    further = {} if metric in row or epoch == "best" else record.measures
    return number(further.get(metric, row.get(metric)))


def curve(columns: Mapping[str, np.ndarray], metric: str) -> np.ndarray | None:
    """A metric of each row of metrics.csv; None where the run has no such metric."""
    if accuracy := accuracy_of(metric):
        return 1 - columns[accuracy] if accuracy in columns else None
    return columns.get(metric)


def number(value: Any) -> float:
    """A JSON value as a float, NaN for anything that isn't a finite number."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool)
    try:
        return float(value) if good and math.isfinite(value) else NAN
    except OverflowError:  # an integer beyond all floats
        return NAN
