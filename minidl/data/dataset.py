"""A data set, ready to train on: its parts, and what their numbers mean."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from minidl.errors import DataError

if TYPE_CHECKING:
    from minidl.data.preprocessing import Preprocessing

Task = Literal["classification", "regression", "images"]
Floats = NDArray[np.float64]
Images = NDArray[np.float32]  # half the memory, and far finer than what they were made of
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """The training, the validation or the test part.

    inputs: float64 (N, *shape); images, and a table with very many inputs, may be float32.
    targets: int64 (N,), class indices; for a regression float64 (N, outputs); for images
        (N, channels, height, width).
    clean: what the outputs are measured against where the targets themselves are noisy.
    rows: int64 (N,), of a table the number of each row in its file; of other data that is divided
        into folds each row's index; else None.
    files: int64 (N,), where a table has several files, which one it is, counted from 0.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]
    clean: Images | None = None
    rows: Integers | None = None
    files: Integers | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, rows: Integers) -> Split:
        """The part that holds the given rows (positions) alone."""
        clean = None if self.clean is None else self.clean[rows]
        numbers = None if self.rows is None else self.rows[rows]
        files = None if self.files is None else self.files[rows]
        return Split(self.inputs[rows], self.targets[rows], clean, numbers, files)

    @property
    def arrays(self) -> list[NDArray[Any]]:
        """All that it holds."""
        return [self.inputs, self.targets, *([] if self.clean is None else [self.clean])]

    @property
    def truth(self) -> NDArray[Any]:
        """What the outputs are measured against."""
        return self.targets if self.clean is None else self.clean


@dataclass(frozen=True)
class TargetScale:
    """Mean and standard deviation of each target of a regression, over the training part.

    Networks are trained on (target − mean) / std: a price of 150,000 would take them an age to
    reach. One number each per output; a target that doesn't vary has std 1.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, targets: Floats) -> TargetScale:
        """That of the targets (N, outputs) of a training part. Raises DataError for huge ones."""
        with np.errstate(over="ignore", invalid="ignore"):
            mean, std = targets.mean(0), targets.std(0)
        if not (np.isfinite(mean).all() and np.isfinite(std).all()):
            raise DataError("the target's values are too large to average")
        return cls(tuple(mean.tolist()), tuple(np.where(std > 0, std, 1.0).tolist()))

    def to_scaled(self, values: Floats) -> Floats:
        """(…, outputs) as the network gets them."""
        return np.asarray((values - np.array(self.mean)) / np.array(self.std))

    def to_raw(self, values: Floats) -> Floats:
        """(…, outputs) in the target's own units."""
        return np.asarray(values * np.array(self.std) + np.array(self.mean))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test part of one task, and a validation part where choices need one.

    feature_names: one per input number, after one-hot encoding (`colour=red`); empty for inputs of
        more than one axis, but for images which have a name.
    class_names: by class index; empty for other tasks.
    target_names: the class column's name, one name per output of a regression, or one for images.
    target_scale: how the targets of a regression were standardized; None: they are as they are.
    preprocessing: turns further rows of a file into inputs (images: row by row); None for
        arrays of more than one axis.
    source_hashes: SHA-256 of each file read, by its path.
    """

    train: Split
    test: Split
    task: Task
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    target_scale: TargetScale | None = None
    source_hashes: dict[str, str] = field(default_factory=dict)
    validation: Split | None = None

    @property
    def parts(self) -> dict[str, Split]:
        """By name, in the order of metrics.csv: train, val where there is one, test."""
        val = {} if self.validation is None else {"val": self.validation}
        return {"train": self.train, **val, "test": self.test}

    def with_scaled_targets(self) -> Dataset:
        """The same with standardized targets."""
        scale = TargetScale.of(self.train.targets)
        scaled = {
            name: replace(split, targets=scale.to_scaled(split.targets))
            for name, split in self.parts.items()
        }
        return replace(
            self,
            train=scaled["train"],
            test=scaled["test"],
            validation=scaled.get("val"),
            target_scale=scale,
        )

    def raw_targets(self, split: Split) -> NDArray[Any]:
        """A part's targets in their own units."""
        return self.target_scale.to_raw(split.targets) if self.target_scale else split.targets

    def baseline(self) -> dict[str, float]:
        """What the metrics would be if each row were predicted alike; none for images.

        By the training part's most frequent class, or by its mean.
        """
        if self.task == "images":
            return {}
        raw = {name: self.raw_targets(split) for name, split in self.parts.items()}
        train, found = raw.pop("train"), {}
        for name, targets in raw.items():
            if self.task == "classification":
                most = int(np.bincount(train).argmax())
                found[f"{name}_accuracy"] = float((targets == most).mean())
                continue
            with np.errstate(all="ignore"):
                error = targets - train.mean(0)
                found[f"{name}_mse"] = float((error**2).mean())
                found[f"{name}_mae"] = float(np.abs(error).mean())
        return {name: value for name, value in found.items() if math.isfinite(value)}

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input, without the sample axis."""
        return self.train.inputs.shape[1:]

    @property
    def classes(self) -> int:
        """How many classes there are; 0 for other tasks."""
        return len(self.class_names)
