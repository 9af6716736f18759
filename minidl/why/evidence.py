"""What is known of a run: its config and data, how its weights start, and how it trained."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidl.build import Experiment, build, prepare
from minidl.data import Dataset
from minidl.nn import Module
from minidl.nn.sequential import named_layers
from minidl.spec import Spec, load_spec
from minidl.spec.training import WATCHED
from minidl.store import files
from minidl.store.run_folder import RunFolder
from minidl.train.trainer import Epoch

Vector = NDArray[np.float64]
REPEATED = 20  # epochs at most of a run that nobody watched, to see how it began


@dataclass(frozen=True)
class Evidence:
    """All that symptoms are told from.

    alike: the hidden layers whose units all start with the same weights; start: the norm of each
    layer's parameters before the first step. metrics and dynamics: by column, an epoch each;
    dynamics may be of the first epochs alone, which were then `repeated`.
    """

    spec: Spec
    data: Dataset
    alike: tuple[str, ...]
    start: Mapping[str, float]
    metrics: Mapping[str, Vector]
    dynamics: Mapping[str, Vector]
    diverged: bool
    repeated: int = 0

    @classmethod
    def of_run(cls, folder: RunFolder) -> Evidence:
        """That of a run's folder, on the data that its config names.

        What wasn't watched is seen by training the first epochs again, in memory.
        """
        record = folder.read_record()
        folder.check_config(record)
        spec = load_spec(folder.config_path)
        data, experiment = prepare(spec)
        written = files.is_file(folder.metrics_path)
        metrics = _vectors(folder.read_columns(record)) if written else {}
        dynamics: Mapping[str, Vector] = _watched(folder, record.dynamics)
        repeated = 0
        missing = len(spec.training.watch) < len(WATCHED) or not dynamics
        if missing and len(metrics.get("epoch", ())):
            repeated = min(len(metrics["epoch"]), REPEATED)
            dynamics = cls.trained(_all_watched(spec), data, repeated).dynamics
        diverged = record.outcome == "diverged"
        alike, start = _alike(experiment), _norms(experiment)
        return cls(spec, data, alike, start, metrics, dynamics, diverged, repeated)

    @classmethod
    def trained(cls, spec: Spec, data: Dataset, epochs: int) -> Evidence:
        """That of so many epochs, trained in memory."""
        experiment = build(_all_watched(spec), data)
        return cls.of_training(spec, data, experiment, epochs)

    @classmethod
    def of_training(
        cls, spec: Spec, data: Dataset, experiment: Experiment, epochs: int
    ) -> Evidence:
        """That of an experiment that is watched, by training it; it stops where it diverges."""
        alike, start, found = _alike(experiment), _norms(experiment), list[Epoch]()
        for epoch in experiment.trainer:
            found.append(epoch)
            if not epoch.finite or len(found) == epochs:
                break
        return cls(
            spec,
            data,
            alike,
            start,
            _columns(epoch.row() for epoch in found),
            _columns(epoch.dynamics for epoch in found),
            not found[-1].finite,
        )

    def layers(self, quantity: str) -> dict[str, Vector]:
        """The epochs of each layer that has a quantity, first layer first."""
        ending = f".{quantity}"
        return {
            name.removesuffix(ending): values
            for name, values in self.dynamics.items()
            if name.endswith(ending)
        }

    def curve(self, metric: str) -> Vector:
        """A metric where it is known; empty without it."""
        values = self.metrics.get(metric, np.empty(0))
        known: Vector = values[np.isfinite(values)]
        return known


def _all_watched(spec: Spec) -> Spec:
    training = spec.training.model_copy(update={"watch": WATCHED})
    return spec.model_copy(update={"training": training})


def _watched(folder: RunFolder, mark: Mapping[str, Any] | None) -> dict[str, Vector]:
    if not files.is_file(folder.dynamics.path):
        return {}
    return _vectors(folder.dynamics.read(mark))


def _vectors(columns: Mapping[str, Any]) -> dict[str, Vector]:
    return {name: np.asarray(cells, dtype=float) for name, cells in columns.items()}


def _columns(rows: Iterable[Mapping[str, float | None]]) -> dict[str, Vector]:
    """Rows by column; NaN for None."""
    made = list(rows)
    return {
        name: np.array([np.nan if row[name] is None else row[name] for row in made], dtype=float)
        for name in made[0]
    }


def _norms(experiment: Experiment) -> dict[str, float]:
    layers = named_layers(experiment.network)
    return {
        name: math.sqrt(sum(float((p.data * p.data).sum()) for p in layer.parameters()))
        for name, layer in layers
        if layer.parameters() and not layer.children()
    }


def _alike(experiment: Experiment) -> tuple[str, ...]:
    """Hidden layers whose units all have the same weights, so that they stay alike."""
    weighted = [(n, layer) for n, layer in named_layers(experiment.network) if _weight(layer)]
    return tuple(name for name, layer in weighted[:-1] if _is_alike(layer))


def _weight(layer: Module) -> Any:
    """A layer's matrix of weights, a row or a filter for each unit; None without one."""
    weight = getattr(layer, "weight", None)
    return weight if weight is not None and weight.data.dim() > 1 else None


def _is_alike(layer: Module) -> bool:
    rows = _weight(layer).data.flatten(1)
    return len(rows) > 1 and bool((rows == rows[0]).all())
