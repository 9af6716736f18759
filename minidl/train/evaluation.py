"""Evaluation: loss and metrics of a network on a part of the data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minidl.data.encoding import Encoding
from minidl.nn import Loss, Module
from minidl.train.metrics import Metrics

# More samples at once, or of images more numbers (42 of 3×32×32), would only need more memory.
CHUNK = 2048
CHUNK_NUMBERS = 2**17
# An exact image would have an infinite PSNR.
LEAST_MSE = 1e-10


@dataclass(frozen=True)
class Part:
    """The training or the test part as tensors (N, ...).

    labels: what outputs are measured against: class indices (N,); a regression's values; images,
        clean ones where they are known.
    """

    inputs: Tensor
    targets: Tensor
    labels: Tensor

    @cached_property
    def samples(self) -> int:
        """N."""
        return len(self.inputs)

    @cached_property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """All three, with rows one after the other in memory, as compiled code reads them."""
        return self.inputs.contiguous(), self.targets.contiguous(), self.labels.contiguous()

    @cached_property
    def variances(self) -> list[float]:
        """That of each of a regression's values; 0 where one doesn't vary."""
        values = self.labels.double()
        constant = values.amax(0) == values.amin(0)
        return values.var(0, correction=0).masked_fill(constant, 0.0).tolist()

    @cached_property
    def truth(self) -> NDArray[Any]:
        """The labels as an array; a regression's in float64."""
        labels = self.labels.double() if self.labels.is_floating_point() else self.labels
        return labels.cpu().numpy()

    @cached_property
    def support(self) -> list[int]:
        """How many samples there are of each class, as far as the last that occurs."""
        return [] if self.labels.is_floating_point() else np.bincount(self.truth).tolist()


class Evaluator:
    """Measures a network: `evaluator(part)` gives each metric.

    loss is a mean over samples whatever `reduction` the training uses. Classification adds
    accuracy; regression mse, mae and r2 (the coefficient of determination), averaged over outputs;
    images psnr, 10 log₁₀(1 / mse) in dB, of each image by itself and then averaged (at most 100).
    `target_std`, one per output, scales mse and mae back where the targets were standardized.
    `more` are the names of further metrics (see `Metrics`); they may be NaN, where undefined.

    `add` sums a chunk's samples up in `sums`: loss, correct ones or PSNRs; for a regression
    |error| and error² by output; then what `more` needs. `result` makes metrics of what all chunks
    came to.
    """

    def __init__(
        self,
        network: Module,
        loss: Loss,
        encoding: Encoding,
        target_std: Sequence[float] | None = None,
        more: Sequence[str] = (),
    ) -> None:
        self.network, self.loss, self.encoding = network, loss, encoding
        self.regression, self.images = encoding.form == "values", encoding.form == "images"
        self.target_std = target_std
        self.more = Metrics(more, encoding, loss, target_std)
        self._own = 1 + 2 * encoding.outputs if self.regression else 2  # sums without those of more
        self.sums = network.parameters()[0].data.new_zeros(self._own + self.more.size)

    @staticmethod
    def metrics_for(encoding: Encoding) -> tuple[str, ...]:
        """The names of the metrics, in the order of metrics.csv."""
        others = {"values": ("mse", "mae", "r2"), "images": ("psnr",)}
        return ("loss", *others.get(encoding.form, ("accuracy",)))

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics, in the order of metrics.csv."""
        return (*self.metrics_for(self.encoding), *self.more.names)

    def __call__(self, part: Part) -> dict[str, float]:
        self.sums.zero_()
        size = chunk_size(part.inputs)
        for chunk in zip(*(torch.split(x, size) for x in part.tensors), strict=True):
            self.add(*chunk)
        outputs = self.outputs(part) if self.more.need_outputs else None
        return dict(zip(self.metrics, self.result(self.sums.tolist(), part, outputs), strict=True))

    def add(self, inputs: Tensor, targets: Tensor, labels: Tensor) -> None:
        """Measure some samples (n, ...)."""
        output = self.network.forward(inputs)
        self.sums[0].add_(self.loss.forward(output, targets) * len(inputs))
        if self.regression:
            error = output - labels
            outputs = self.encoding.outputs
            self.sums[1 : 1 + outputs].add_(error.abs().sum(0))
            self.sums[1 + outputs : self._own].add_((error * error).sum(0))
        elif self.images:
            error = (output - labels).flatten(1)
            mse = (error * error).mean(1).clamp(min=LEAST_MSE)
            self.sums[1].add_(mse.log().sum() * (-10 / math.log(10)))
        else:
            self.sums[1].add_((self.encoding.classes(output) == labels).to(output.dtype).sum())
        if self.more.size:
            self.more.add(self.sums[self._own :], output, labels)

    def outputs(self, part: Part) -> NDArray[np.float64]:
        """What the network gives for a part (N, outputs)."""
        return predict(self.network, part.inputs).double().cpu().numpy()

    def result(
        self, sums: Sequence[float], part: Part, outputs: NDArray[np.float64] | None = None
    ) -> list[float]:
        """The metrics of a whole part, from its sums, and from its outputs if `more` needs them."""
        values, mse = self._result(sums[: self._own], part)
        if not self.more.names:
            return values
        found = self.more.of_sums(sums[self._own :], part.samples, part.support, mse)
        if outputs is not None:
            found |= self.more.of_outputs(outputs, part.truth)
        return [*values, *(found[name] for name in self.more.names)]

    def _result(self, sums: Sequence[float], part: Part) -> tuple[list[float], list[float]]:
        """What is always measured, and the mse of each output. R² is that of scikit-learn."""
        samples = part.samples
        means = [total / samples for total in sums]
        if not self.regression:
            return means, []
        outputs = self.encoding.outputs
        sizes, squares = means[1 : 1 + outputs], means[1 + outputs :]
        std = self.target_std or [1.0] * outputs  # mse and mae in the target's own units
        r2 = [
            1 - square / variance if variance else float(square == 0)
            for square, variance in zip(squares, part.variances, strict=True)
        ]
        mse = [square * s * s for square, s in zip(squares, std, strict=True)]
        mae = [size * s for size, s in zip(sizes, std, strict=True)]
        return [means[0], *(sum(values) / outputs for values in (mse, mae, r2))], mse


def predict(network: Module, inputs: Tensor) -> Tensor:
    """The network's outputs in evaluation mode, in memory of their own."""
    was_training = network.training
    network.eval()
    chunks = torch.split(inputs, chunk_size(inputs))
    outputs = torch.cat([network.forward(chunk) for chunk in chunks])
    network.train(was_training)
    return outputs


def chunk_size(inputs: Tensor, most: int = CHUNK) -> int:
    """How many samples to evaluate at once, of inputs (N, ...)."""
    return max(1, min(most, CHUNK_NUMBERS // math.prod(inputs.shape[1:])))


def even_chunk(counts: Iterable[int], most: int) -> int:
    """A chunk of at most so many samples that cuts parts of these sizes into few sizes of chunks.

    Each size takes a program of its own.
    """
    counts = list(counts)

    def costs(chunk: int) -> tuple[int, int]:
        sizes = chunk_sizes(counts, chunk)
        # The smallest as large as can be: in training mode a normalisation compares its samples.
        return len(sizes), -min(sizes)

    return min(range(most, most // 4, -1), key=costs)


def chunk_sizes(counts: Iterable[int], chunk: int) -> set[int]:
    """How many samples are evaluated at once, of parts of these sizes cut into such chunks."""
    return {size for count in counts for size in (min(chunk, count), count % chunk)} - {0}
