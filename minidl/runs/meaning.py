"""What the outputs of a run's network say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from minidl.data import TargetScale
from minidl.data.encoding import Encoding
from minidl.probabilities import probabilities
from minidl.store.run_record import RunRecord

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]


@dataclass(frozen=True)
class Meaning:
    """What outputs (N, outputs) say: a class with a number for each, or a regression's values."""

    record: RunRecord
    encoding: Encoding
    loss: str

    def says(self, outputs: Array) -> pd.DataFrame:
        """The class and a number for each class, or the targets' values."""
        return self.table(self.numbers(outputs), self.decided(outputs))

    def numbers(self, outputs: Array) -> Array:
        """A probability or else a score of each class (N, classes), or the values (N, targets)."""
        if self.regression:
            return self._values(outputs)
        shares = probabilities(outputs, self.loss)
        if shares is None and outputs.shape[1] == 1:
            return np.concatenate([1 - outputs, outputs], axis=1)
        return outputs if shares is None else shares

    def decided(self, outputs: Array) -> Array:
        """The classes (N,), ties broken as in the metrics, or the values (N, targets)."""
        if self.regression:
            return self._values(outputs)
        return self.encoding.classes(torch.from_numpy(outputs)).numpy()

    def of_numbers(self, numbers: Array) -> Array:
        """The same of numbers, such as the means of several networks'."""
        if self.regression:
            return numbers
        if self.encoding.form == "column":
            threshold = 0.5 if self.gives_probabilities else self.encoding.threshold
            return np.asarray(numbers[:, 1] >= threshold).astype(np.int64)
        return np.asarray(numbers.argmax(axis=1))

    def table(self, numbers: Array, decided: Array) -> pd.DataFrame:
        """A row each: the class and its numbers in the columns `probability_…` or `score_…`."""
        import pandas as pd

        record = self.record
        if self.regression:
            return pd.DataFrame(numbers, columns=list(record.target_names))
        kind = "probability" if self.gives_probabilities else "score"
        says = pd.DataFrame(numbers, columns=[f"{kind}_{name}" for name in record.class_names])
        target = (record.target_names or ["class"])[0]
        says.insert(0, target, self.named(decided), allow_duplicates=True)
        return says

    def named(self, classes: Array) -> pd.Series[Any]:
        """The names of classes (N,)."""
        import pandas as pd

        return pd.Series(np.array(self.record.class_names, dtype=object)[classes], dtype=object)

    @property
    def regression(self) -> bool:
        return self.record.task == "regression"

    @property
    def gives_probabilities(self) -> bool:
        return probabilities(np.zeros((1, self.encoding.outputs)), self.loss) is not None

    def _values(self, outputs: Array) -> Array:
        """A regression's outputs in the target's own units."""
        scale = self.record.target_scale
        return TargetScale(**scale).to_raw(outputs) if scale else outputs
