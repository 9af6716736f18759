"""What is exported: a network with what stands before and behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from minidl.data import Preprocessing, TargetScale
from minidl.data.columns import OrderedColumn
from minidl.data.scale import Scale
from minidl.nn import Sequential
from minidl.probabilities import probabilities
from minidl.runs.inference import TrainedRun

Array = NDArray[Any]

# What becomes of the network's outputs: probabilities by a softmax; of one output y a pair, by a
# sigmoid or as it is (1 − y, y); in the target's units.
Finish = Literal["softmax", "sigmoid", "pair", "scale", "none"]


@dataclass(frozen=True)
class Model:
    """inputs: a sample's numbers, in the units of the data, in the order of `feature_names`.

    A category is an input 1 among others that are 0. scales: how each input is scaled; empty where
    the inputs are as the data is (images). A pair of outputs means class 1 from `threshold` on.
    """

    name: str
    network: Sequential
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    dtype: str  # float32 or float64
    scales: tuple[Scale, ...]
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    target_names: tuple[str, ...]
    finish: Finish
    threshold: float
    target_scale: TargetScale | None

    @classmethod
    def of(cls, trained: TrainedRun) -> Model:
        """That of a run."""
        record, network = trained.record, trained.network
        preprocessing, scale = trained.preprocessing, record.target_scale
        classes = tuple(record.class_names) if record.task == "classification" else ()
        finish: Finish = "scale" if scale else "none"
        if classes:
            finish = _finish(trained.spec.loss.type, trained.encoding.outputs)
        return cls(
            name=trained.folder.path.name,
            network=network,
            input_shape=trained.input_shape,
            output_shape=network.output_shape(trained.input_shape),
            dtype=str(network.parameters()[0].data.dtype).removeprefix("torch."),
            scales=tuple(_scales(preprocessing)) if preprocessing else (),
            feature_names=preprocessing.feature_names if preprocessing else (),
            class_names=classes,
            target_names=tuple(record.target_names),
            finish=finish,
            threshold=trained.encoding.threshold,
            target_scale=TargetScale(**scale) if scale else None,
        )

    @property
    def inputs(self) -> int:
        """How many numbers a sample is."""
        return math.prod(self.input_shape)

    @property
    def results(self) -> int:
        """How many numbers come out: as many as classes, or the network's outputs."""
        return len(self.class_names) or math.prod(self.output_shape)

    @property
    def result_names(self) -> tuple[str, ...]:
        """What each of them is; empty for images."""
        return self.class_names or (self.target_names if len(self.output_shape) == 1 else ())

    @property
    def logs(self) -> list[int]:
        """The inputs that are scaled by their logarithm first."""
        return [i for i, scale in enumerate(self.scales) if scale.log]

    @property
    def quantiles(self) -> dict[int, tuple[float, ...]]:
        """The inputs that become their rank between quantiles next, with these."""
        return {i: tuple(scale.quantiles) for i, scale in enumerate(self.scales) if scale.quantiles}

    @property
    def centers(self) -> list[float]:
        """What is subtracted from each input."""
        return [scale.center for scale in self.scales]

    @property
    def widths(self) -> list[float]:
        """What each input is divided by then."""
        return [scale.width for scale in self.scales]

    @property
    def is_shifted(self) -> bool:
        """Whether an input has another center than 0, or another width than 1."""
        return any(self.centers) or any(width != 1 for width in self.widths)

    def finished(self, outputs: Array) -> Array:
        """The results (N, results) of the network's outputs, float64."""
        if self.finish == "scale":
            assert self.target_scale is not None
            return self.target_scale.to_raw(outputs)
        if self.finish == "pair":
            return np.concatenate([1 - outputs, outputs], axis=1)
        loss = {"softmax": "cross_entropy", "sigmoid": "bce_with_logits"}.get(self.finish)
        found = None if loss is None else probabilities(outputs, loss)
        return outputs if found is None else found


def _finish(loss: str, outputs: int) -> Finish:
    if loss == "cross_entropy":
        return "softmax"
    if loss == "bce_with_logits":
        return "sigmoid"
    return "pair" if outputs == 1 else "none"


def _scales(preprocessing: Preprocessing) -> Sequence[Scale]:
    """One for each input; those of words are 0 or 1 as they are."""
    found: list[Scale] = []
    for column in preprocessing.columns:
        own = column.scales if isinstance(column, OrderedColumn) else ()
        found += [*own, *[Scale()] * (len(column.feature_names) - len(own))]
    return found
