"""What the figures need to know of a run, read once from its folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minidl.errors import ConfigError, RunError
from minidl.probabilities import probabilities
from minidl.report.members.configs import read_settings
from minidl.report.members.measures import measured
from minidl.report.members.shapes import check_shapes
from minidl.scores import PARTS
from minidl.store import files
from minidl.store.run_folder import RunFolder
from minidl.store.run_record import RunRecord


@dataclass(frozen=True)
class RunView:
    """A run's records: what is missing in the folder is empty here."""

    name: str
    status: str = "done"
    task: str = "classification"
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    loss: str = ""
    decision: Mapping[str, Any] = field(default_factory=lambda: {"kind": "argmax"})
    kept: float | None = None  # the epoch whose weights were kept, where that isn't the last
    metrics: dict[str, np.ndarray] = field(default_factory=dict)
    dynamics: dict[str, np.ndarray] = field(default_factory=dict)
    predictions: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: RunFolder) -> RunView:
        """Raises RunError where a file is damaged; files that aren't there are left out."""
        record = folder.read_record()
        metrics = folder.read_columns(record) if files.is_file(folder.metrics_path) else {}
        watched = files.is_file(folder.dynamics.path)
        dynamics = folder.dynamics.read(record.dynamics, whole=True) if watched else {}
        predictions = folder.read_predictions() if files.is_file(folder.predictions_path) else {}
        try:
            check_shapes(predictions, record.task in (None, "classification"))
        except ValueError as error:
            raise RunError(f"{folder.predictions_path}: is damaged: {error}") from error
        return cls(
            name=folder.path.resolve().name,
            status=record.outcome or "",
            task=record.task or "classification",
            class_names=tuple(record.class_names),
            feature_names=tuple(record.feature_names),
            target_names=tuple(record.target_names),
            loss=_loss(folder),
            decision=record.decision or {"kind": "argmax"},
            kept=_kept(record),
            metrics={name: np.asarray(cells, dtype=float) for name, cells in metrics.items()},
            dynamics={name: np.asarray(cells, dtype=float) for name, cells in dynamics.items()},
            predictions=predictions,
        )

    @property
    def classification(self) -> bool:
        return self.task == "classification"

    @property
    def parts(self) -> list[str]:
        """Those whose predictions it has."""
        return [part for part in PARTS if f"{part}_output" in self.predictions]

    @property
    def features(self) -> int | None:
        """How many inputs the network has, where the run kept them (one or two)."""
        inputs = self.predictions.get("train_input")
        return None if inputs is None or inputs.ndim != 2 else int(inputs.shape[1])

    def feature(self, index: int) -> str:
        return self.feature_names[index] if index < len(self.feature_names) else f"x{index + 1}"

    def target(self, index: int) -> str:
        names = self.target_names
        return names[index] if index < len(names) else "target"

    @property
    def classes(self) -> int:
        """Named ones, and any that the targets hold beyond them."""
        targets = (self.predictions.get(f"{part}_target") for part in PARTS)
        highest = max((int(t.max()) for t in targets if t is not None and t.size), default=-1)
        return max(len(self.class_names), highest + 1)

    def class_name(self, index: int) -> str:
        names = self.class_names
        return (names[index] or "(empty)") if index < len(names) else f"class {index}"

    def probabilities(self, output: np.ndarray) -> np.ndarray | None:
        """That of each class; None where the outputs are none."""
        return probabilities(output, self.loss) if self.classification else None

    def final(self, metric: str) -> float:
        """A metric as the kept weights have it; else the last that is known, or NaN."""
        values = self.metrics.get(metric, np.empty(0))
        known = np.isfinite(values)
        if self.kept is not None and self.status != "diverged":
            known &= self.metrics.get("epoch", np.empty(0)) <= self.kept
        return float(values[known][-1]) if known.any() else math.nan

    def part(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs (N, F), targets and outputs (N, O) of a part: "train", "val" or "test"."""
        target, output = self.predictions[f"{name}_target"], self.predictions[f"{name}_output"]
        inputs = self.predictions.get(f"{name}_input", np.empty((len(target), 0)))
        target = target.reshape(-1).astype(np.int64) if self.classification else target
        return inputs, target, output.reshape(len(output), -1)


def _kept(record: RunRecord) -> float | None:
    """The epoch of the best weights, where they are what was kept."""
    epoch = measured(record, "epochs", "best") if record.weights == "best" else math.nan
    return epoch if math.isfinite(epoch) else None


def _loss(folder: RunFolder) -> str:
    """The type of the loss; empty where the config doesn't say it."""
    try:
        return str(read_settings(folder.config_path).get("loss", ""))
    except (ConfigError, RunError):
        return ""
