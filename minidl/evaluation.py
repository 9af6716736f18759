"""Evaluation: loss and metrics of a network, or of each in a stack, on a part of the data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from minidl.capture import capture
from minidl.data.encoding import Encoding
from minidl.nn import Loss, Module
from minidl.nn.memory import Memory

# More samples at once, or of images more numbers (42 of 3×32×32), would only need more memory.
CHUNK = 4096
CHUNK_NUMBERS = 2**17
# An exact image would have an infinite PSNR.
LEAST_MSE = 1e-10


class CutOffError(Exception):
    """An evaluation ended in its midst, since nobody waits for it any more."""


@dataclass(frozen=True)
class Part:
    """The training or the test part as tensors: (N, ...) for one network, (T, N, ...) for a stack.

    labels: what outputs are measured against: class indices (N,) or (T, N); a regression's values;
        images, clean ones where they are known.
    """

    inputs: Tensor
    targets: Tensor
    labels: Tensor


class Evaluator(Memory):
    """Measures a network: `evaluator(part)` gives each metric as one number per network.

    loss is a mean over samples whatever `reduction` the training uses. Classification adds
    accuracy; regression mse, mae and r2 (the coefficient of determination), averaged over outputs;
    images psnr, 10 log₁₀(1 / mse) in dB, of each image by itself and then averaged (at most 100).
    `target_std` (outputs, T) scales mse and mae back where the targets were standardized.
    `too_late`, asked between chunks of samples, says whether to raise CutOffError.
    """

    def __init__(
        self,
        network: Module,
        loss: Loss,
        encoding: Encoding,
        target_std: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.target_std = target_std
        self.network, self.loss, self.encoding = network, loss, encoding
        self.regression, self.images = encoding.form == "values", encoding.form == "images"
        self.too_late: Callable[[], bool] = lambda: False
        self._axis = 0 if network.networks is None else 1
        self._add = capture(self._add_chunk)

    @staticmethod
    def metrics_for(encoding: Encoding) -> tuple[str, ...]:
        """The names of the metrics, in the order of metrics.csv."""
        others = {"values": ("mse", "mae", "r2"), "images": ("psnr",)}
        return ("loss", *others.get(encoding.form, ("accuracy",)))

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics, in the order of metrics.csv."""
        return self.metrics_for(self.encoding)

    def __call__(self, part: Part) -> dict[str, list[float]]:
        samples = part.inputs.shape[self._axis]
        self._sums(part.inputs).zero_()
        tensors = (part.inputs, part.targets, part.labels)
        size = chunk_size(part.inputs, self._axis)
        for start in range(0, samples, size):
            if self.too_late():
                raise CutOffError
            count = min(size, samples - start)
            self._add(*(x.narrow(self._axis, start, count) for x in tensors))
        sums = self._sums(part.inputs).double() / samples
        if not self.regression:
            return dict(zip(self.metrics, sums.tolist(), strict=True))
        sizes, squares = sums[1:].chunk(2)
        # mse and mae in the target's own units; R² has none.
        std = torch.ones_like(sizes) if self.target_std is None else self.target_std
        return {
            "loss": sums[0].tolist(),
            "mse": (squares * std**2).mean(0).tolist(),
            "mae": (sizes * std).mean(0).tolist(),
            "r2": self._r2(squares, part.labels.double()).tolist(),
        }

    def _r2(self, squares: Tensor, values: Tensor) -> Tensor:
        """1 − squared error / variance, the mean over outputs; squares (outputs, T), result (T,).

        Where the values don't vary it is 1 for no error, else 0, as in scikit-learn.
        """
        errors = squares.T
        variance = values.var(self._axis, correction=0).view_as(errors)
        constant = (values.amax(self._axis) == values.amin(self._axis)).view_as(errors)
        return torch.where(constant, (errors == 0).double(), 1 - errors / variance).mean(1)

    def _sums(self, like: Tensor) -> Tensor:
        """Rows: loss, correct ones or PSNRs; for a regression |error| and error² by output."""
        rows = 1 + 2 * self.encoding.outputs if self.regression else 2
        return self.buffer("sums", (rows, self.network.networks or 1), like)

    def _add_chunk(self, inputs: Tensor, targets: Tensor, labels: Tensor) -> None:
        sums = self._sums(inputs)
        output = self.network.forward(inputs)
        value = self.loss.forward(output, targets).view(-1)
        count = self.constant(inputs.shape[self._axis], inputs)
        sums[0].addcmul_(value, count)
        if self.regression:
            self._add_errors(sums, output, labels)
        elif self.images:
            self._add_psnr(sums[1], output, labels)
        else:
            self._add_correct(sums[1], output, labels)

    def _add_correct(self, total: Tensor, output: Tensor, labels: Tensor) -> None:
        shape, device = labels.shape, labels.device
        predicted = self.buffer("predicted", shape, labels)
        if self.encoding.form == "column":
            torch.ge(output.squeeze(-1), self.encoding.threshold, out=predicted)
        else:
            # torch.argmax takes fifteen times as long on a stack's outputs.
            largest = self.buffer("largest", shape, output)
            torch.max(output, -1, out=(largest, predicted))
        flags = self.buffer("correct", shape, torch.empty(0, dtype=torch.bool, device=device))
        torch.eq(predicted, labels, out=flags)
        counts = self.buffer("counts", total.shape, labels)
        torch.sum(flags.view(len(total), -1), -1, out=counts)
        total.add_(counts)

    def _add_psnr(self, total: Tensor, output: Tensor, labels: Tensor) -> None:
        errors = torch.sub(output, labels, out=self.scratch("errors", output))
        squares = torch.mul(errors, errors, out=errors)
        decades = self.buffer("decades", output.shape[:-3], output)
        torch.mean(squares, (-3, -2, -1), out=decades).clamp_min_(LEAST_MSE).log10_()
        added = self.buffer("added", total.shape, output)
        torch.sum(decades.view(len(total), -1), -1, out=added)
        total.add_(added, alpha=-10)

    def _add_errors(self, sums: Tensor, output: Tensor, labels: Tensor) -> None:
        errors = torch.sub(output, labels, out=self.scratch("errors", output))
        squares = torch.mul(errors, errors, out=self.scratch("squares", output))
        outputs, networks = self.encoding.outputs, sums.shape[1]
        added = self.buffer("added", (networks, outputs), output)
        for part, values in zip(sums[1:].chunk(2), (errors.abs_(), squares), strict=True):
            torch.sum(values.view(networks, -1, outputs), 1, out=added)
            part.add_(added.T)


def chunk_size(inputs: Tensor, samples_axis: int) -> int:
    """How many samples to evaluate at once, of inputs (N, ...) or (T, N, ...)."""
    numbers = math.prod(inputs.shape[samples_axis + 1 :])
    return max(1, min(CHUNK, CHUNK_NUMBERS // numbers))


def predict(network: Module, inputs: Tensor, samples_axis: int = 0) -> Tensor:
    """The network's outputs in evaluation mode, in memory of their own."""
    was_training = network.training
    network.eval()
    chunks = torch.split(inputs, chunk_size(inputs, samples_axis), samples_axis)
    outputs = torch.cat([network.forward(chunk).clone() for chunk in chunks], samples_axis)
    network.train(was_training)
    return outputs
