"""The metrics that `training.metrics` adds: from sums over samples where they allow it.

What is summed is summed by compiled code, with the loss and the accuracy. They are equal to
scikit-learn's functions of the same outputs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minidl.data.encoding import Encoding
from minidl.nn import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, Loss
from minidl.probabilities import probabilities as of_arrays
from minidl.scores import (
    BINS,
    MORE,
    NEED_OUTPUTS,
    OF_COUNTS,
    OF_NUMBERS,
    OF_POSITIVE,
    OF_PROBABILITIES,
    OF_RANKS,
)
from minidl.train import ranks

_TRAINING_PROBABILITIES: dict[type[Loss], str] = {
    CrossEntropyLoss: "cross_entropy",
    BCEWithLogitsLoss: "bce_with_logits",
    BCELoss: "bce",
}

Array = NDArray[Any]


def fitting(encoding: Encoding, loss: Loss) -> tuple[str, ...]:
    """Those of `MORE` that make sense for such outputs."""
    return tuple(name for name in MORE if misfit(name, encoding, loss) is None)


def misfit(name: str, encoding: Encoding, loss: Loss) -> str | None:
    """Why a metric of `MORE` makes no sense for such outputs; None where it does."""
    if encoding.form == "images":
        return "isn't measured of images, which have psnr"
    if encoding.form == "values":
        if name in OF_NUMBERS:
            return None
        return f"is of classes, but the target is a number: there are {', '.join(OF_NUMBERS)}"
    if name in OF_NUMBERS:
        return "is of numbers, but the target is a class"
    if name in OF_POSITIVE and encoding.classes_there_are != 2:
        found = encoding.classes_there_are
        return f"is of the second of two classes, but there are {found}: use {name}_macro"
    if name in OF_PROBABILITIES and type(loss) not in _TRAINING_PROBABILITIES:
        return "needs probabilities, which this loss doesn't train: use cross_entropy"
    return None


class Metrics:
    """Some of `MORE`: `add` sums a chunk's samples up, `of_sums` makes metrics of a part's sums.

    Of counts: how many samples of each class were found, and taken for it. Precision, recall and
    F1 are 0 where they would be 0 / 0; a macro mean is over the classes that occur, in truth or in
    predictions, that of balanced_accuracy over those in truth. log_loss clips probabilities at the
    dtype's epsilon. brier is the mean of (p − t)² of the second of two classes, of more classes the
    mean of the sum over all. ece is Σ |accuracy − confidence| over bins, weighted by their samples.
    """

    def __init__(
        self,
        names: Sequence[str],
        encoding: Encoding,
        loss: Loss,
        target_std: Sequence[float] | None = None,
    ) -> None:
        self.names, self.encoding, self.loss = tuple(names), encoding, loss
        self.target_std = np.array(target_std or [1.0])
        self.classes = encoding.classes_there_are
        counted = any(name in OF_COUNTS for name in names)
        sizes = {"found": self.classes * counted, "taken": self.classes * counted}
        sizes |= {"log_loss": "log_loss" in names, "brier": "brier" in names}
        sizes |= {"ece": BINS * ("ece" in names)}
        self.places: dict[str, slice] = {}
        self.size = 0  # how many sums
        for name, size in sizes.items():
            if size:
                self.places[name] = slice(self.size, self.size + size)
                self.size += size

    @property
    def need_outputs(self) -> bool:
        """Whether some are made of all outputs of a part, by `of_outputs`, not of sums."""
        return any(name in NEED_OUTPUTS for name in self.names)

    def add(self, sums: Tensor, output: Tensor, labels: Tensor) -> None:
        """Add up some samples: sums (size,), output (n, outputs), labels (n,)."""
        if not self.places:
            return
        classes = torch.arange(self.classes, device=output.device)
        truth, predicted = labels.unsqueeze(1) == classes, self.encoding.classes(output)
        if "found" in self.places:
            taken = predicted.unsqueeze(1) == classes
            sums[self.places["found"]].add_((truth & taken).to(output.dtype).sum(0))
            sums[self.places["taken"]].add_(taken.to(output.dtype).sum(0))
        if not self.places.keys() & set(OF_PROBABILITIES):
            return
        p, t = probabilities(self.loss, output), truth.to(output.dtype)
        if "log_loss" in self.places:
            least = torch.finfo(output.dtype).eps
            own = (p * t).sum(1).clamp(min=least, max=1 - least)
            sums[self.places["log_loss"]].add_(-own.log().sum())
        if "brier" in self.places:
            squares = ((p - t) * (p - t)).sum()
            sums[self.places["brier"]].add_(squares / 2 if self.classes == 2 else squares)
        if "ece" in self.places:
            confidence = p.amax(1, keepdim=True)
            right = (predicted == labels).to(output.dtype).unsqueeze(1)
            bins = torch.arange(BINS, device=output.device)
            above, up_to = (x.to(output.dtype) / BINS for x in (bins, bins + 1))
            within = (confidence > above) & (confidence <= up_to)
            sums[self.places["ece"]].add_(((right - confidence) * within).sum(0))

    def of_sums(
        self, sums: Sequence[float], samples: int, support: Sequence[int], mse: Sequence[float]
    ) -> dict[str, float]:
        """Those that are made of the sums of a part (and others beside them), by name.

        support: how many samples there are of each class, as far as the last that occurs; mse: of
        each output of a regression.
        """
        values: dict[str, float] = {}
        if "found" in self.places:
            values = _of_counts(sums[self.places["found"]], sums[self.places["taken"]], support)
        for name in OF_PROBABILITIES:
            if name in self.places:
                values[name] = sum(map(abs, sums[self.places[name]])) / samples
        if "rmse" in self.names:
            values["rmse"] = sum(map(math.sqrt, mse)) / len(mse)
        return values

    def of_outputs(self, outputs: Array, labels: Array) -> dict[str, float]:
        """Those that a part's outputs (N, outputs) are needed for, by name; NaN if undefined.

        labels: classes (N,), or a regression's values (N, outputs).
        """
        if "median_error" in self.names:
            return {"median_error": ranks.median_error(labels, outputs, self.target_std)}
        scores = self._scores(outputs)
        functions = {name: getattr(ranks, name) for name in OF_RANKS if name in self.names}
        return {name: ranks.of_classes(f, scores, labels) for name, f in functions.items()}

    def _scores(self, outputs: Array) -> Array:
        """What ranks the samples for each class (N, classes): probabilities, or the outputs."""
        p = of_arrays(outputs, _TRAINING_PROBABILITIES.get(type(self.loss), ""))
        if p is not None or outputs.shape[1] > 1:
            return outputs if p is None else p
        return np.concatenate([-outputs, outputs], 1)


def probabilities(loss: Loss, output: Tensor) -> Tensor:
    """That of each class (n, classes), of outputs (n, outputs) that such a loss trains.

    As `minidl.probabilities` has them, in calls that a step may make.
    """
    if isinstance(loss, CrossEntropyLoss):
        powers = (output - output.amax(1, keepdim=True)).exp()
        return powers / powers.sum(1, keepdim=True)
    p = output.sigmoid() if isinstance(loss, BCEWithLogitsLoss) else output
    return torch.cat([1 - p, p], 1)


def _of_counts(
    found: Sequence[float], taken: Sequence[float], support: Sequence[int]
) -> dict[str, float]:
    """From the samples of each class that were found, were taken for it, and that there are."""
    rows = list(zip_longest(found, taken, support, fillvalue=0))
    precision = [f / t if t else 0.0 for f, t, _ in rows]
    recall = [f / s if s else 0.0 for f, _, s in rows]
    f1 = [2 * f / (t + s) if t + s else 0.0 for f, t, s in rows]
    occur = [c for c, (_, t, s) in enumerate(rows) if t or s]
    there = [c for c, s in enumerate(support) if s]
    values = {"balanced_accuracy": sum(recall[c] for c in there) / len(there)}
    for name, of in {"precision": precision, "recall": recall, "f1": f1}.items():
        values[name] = of[1]
        values[f"{name}_macro"] = sum(of[c] for c in occur) / len(occur)
    return values
