"""A data set, ready to train on: two splits, and what their numbers mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from minidl.data.preprocessing import Preprocessing

Task = Literal["classification", "regression"]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """The training part or the test part.

    inputs: float64 (N, *shape).
    targets: int64 (N,), class indices; for a regression float64 (N, outputs).
    """

    inputs: Floats
    targets: NDArray[Any]

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, rows: Integers) -> Split:
        """The part that holds the given rows (positions) alone."""
        return Split(self.inputs[rows], self.targets[rows])


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test part of one task.

    feature_names: one per input number, after one-hot encoding (`colour=red`); empty for inputs of
        more than one axis (images).
    class_names: by class index; empty for a regression.
    target_names: the class column's name, or one name per output of a regression.
    preprocessing: turns further rows of a file into inputs; None for inputs of more than one axis.
    source_hashes: SHA-256 of each file read, by its path.
    """

    train: Split
    test: Split
    task: Task
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    source_hashes: dict[str, str] = field(default_factory=dict)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input, without the sample axis."""
        return self.train.inputs.shape[1:]

    @property
    def classes(self) -> int:
        """How many classes there are; 0 for a regression."""
        return len(self.class_names)
