"""How good predictions are, where what is predicted has the target."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidl.data.cells import NAN, without
from minidl.data.dataset import Task
from minidl.data.plan import target_notation
from minidl.data.target import Target
from minidl.runs.predicted import GivenRows
from minidl.spec import CsvData, Spec
from minidl.store.run_record import RunRecord


def quality(
    spec: Spec, record: RunRecord, given: GivenRows, predicted: NDArray[Any]
) -> dict[str, float]:
    """The metrics of the rows whose target is known, and the baseline's; none without such rows.

    predicted: the classes (N,), or a regression's values (N, targets) in the target's own units.
    """
    names = record.target_names or [""]
    if names[0] not in given.table.columns or not isinstance(spec.data, CsvData):
        return {}
    data = spec.data
    markers = NAN if data.missing_values is None else data.missing_values
    cells = without(given.table[names[0]], markers)
    notation = replace(given.notation, strip=target_notation(data).strip)
    task: Task = "regression" if record.task == "regression" else "classification"
    target = Target(task, tuple(record.class_names), notation)
    encoded, faults = target.faults(cells)
    usable = cells.notna().to_numpy() & ~cells.index.isin(list(given.problems))
    for fault in faults:
        usable &= ~fault.where
    if not usable.any():
        return {}
    return quality_of(encoded[usable], predicted[usable], regression=task == "regression")


def quality_of(
    truth: NDArray[Any], predicted: NDArray[Any], *, regression: bool
) -> dict[str, float]:
    """The same of targets that are all known: classes (N,) or values (N, targets)."""
    if not regression:
        most = float(np.bincount(truth).max() / len(truth))
        right = float((predicted == truth).mean())
        return {"rows": len(truth), "accuracy": right, "majority": most}
    mean = float(((truth - truth.mean(0)) ** 2).mean())
    return {"rows": len(truth), "mse": float(((predicted - truth) ** 2).mean()), "mean": mean}
