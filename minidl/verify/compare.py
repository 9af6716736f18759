"""A function with the gradients that its backward gave, and how far they are from the truth."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from minidl.verify.differences import Differences, Pattern

# How far a gradient may be off, as a part of its largest entry. Differences: see STEP. PyTorch sums
# in another order, which costs a few units in the last place.
DIFFERENCES = 1e-7
AUTOGRAD = 1e-13
AUTOGRAD_OF_MODEL = 1e-11  # rounding grows from layer to layer, fastest where they are saturated
# Of each tensor so many entries are compared with differences; with autograd all are.
ENTRIES = 200


@dataclass(frozen=True)
class Gradient:
    """The gradient for one tensor: as backward gave it, and as autograd did.

    Errors are measured by its largest entry, or by `least` if that is larger: what a saturated
    sigmoid or the normalisation of two numbers leaves of a gradient is mostly rounding.
    """

    place: Tensor  # the tensor itself, contiguous, to be varied
    ours: Tensor
    autograd: Tensor
    least: float = 0.0


@dataclass(frozen=True)
class Subject:
    """One layer, the loss or the whole network, as a function of its input and its parameters.

    key, layer, name: where it stands in the config, `model.layers[2]`; what it is, `conv2d`; and
    what the network calls it, `conv_1`. function: its output, for the present content of the
    gradients' places. cotangent: ∂L/∂output. pattern: see Differences. tolerance: against autograd.
    """

    key: str
    layer: str
    name: str
    mode: str
    function: Callable[[], Tensor]
    cotangent: Tensor
    gradients: dict[str, Gradient]
    pattern: Callable[[], Pattern] | None = None
    tolerance: float = AUTOGRAD


@dataclass(frozen=True)
class Row:
    """What was found for one tensor. Errors are parts of the largest entry of autograd's gradient.

    key, layer, name: as in Subject. mode: train or eval. quantity: input, weight, … differences:
    None if no entry could be compared. sampled, redrawn: how many entries were, and how many
    weren't because a kink was too near. tolerance: of `autograd`; that of `differences` is
    DIFFERENCES.
    """

    key: str
    layer: str
    name: str
    mode: str
    quantity: str
    entries: int
    differences: float | None
    sampled: int
    redrawn: int
    autograd: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether both errors are within their tolerances; what is no number isn't."""
        return self.autograd <= self.tolerance and (self.differences or 0.0) <= DIFFERENCES

    @property
    def error(self) -> float:
        """The larger one."""
        return max(self.autograd, self.differences or 0.0)


def compare(subject: Subject, generator: Generator) -> list[Row]:
    """A row for each gradient."""
    return [
        _row(subject, name, gradient, generator) for name, gradient in subject.gradients.items()
    ]


def _row(subject: Subject, name: str, gradient: Gradient, generator: Generator) -> Row:
    reference = gradient.autograd
    scale = max(float(reference.abs().max()), gradient.least)
    error, sampled, redrawn = _against_differences(subject, gradient, scale, generator)
    return Row(
        subject.key,
        subject.layer,
        subject.name,
        subject.mode,
        name,
        reference.numel(),
        error,
        sampled,
        redrawn,
        _part(float((gradient.ours - reference).abs().max()), scale),
        subject.tolerance,
    )


def _against_differences(
    subject: Subject, gradient: Gradient, scale: float, generator: Generator
) -> tuple[float | None, int, int]:
    """The largest error, in how many entries, and how many were drawn again."""
    differences = Differences(subject.function, subject.cotangent, gradient.place, subject.pattern)
    ours = gradient.ours.reshape(-1)
    errors: list[float] = []
    redrawn = 0
    for entry in torch.randperm(len(ours), generator=generator).tolist():
        if len(errors) == ENTRIES:
            break
        found: list[tuple[float, float]] = []
        best = math.inf
        for estimate, rounding in differences.estimates(entry):
            found.append((estimate, rounding))
            best = min(best, _part(_beyond(ours[entry].item() - estimate, rounding), scale))
            if best <= DIFFERENCES or max(errors, default=0.0) > DIFFERENCES:
                break  # it is right; or it is off anyway, whatever this entry is
        if best <= DIFFERENCES or _agree(found, scale):
            errors.append(best)
        else:
            redrawn += 1
    return max(errors, default=None), len(errors), redrawn


def _agree(found: list[tuple[float, float]], scale: float) -> bool:
    """Whether any two estimates agree, so that a gradient that agrees with neither is off."""
    return any(
        _part(_beyond(a - b, rounding_a + rounding_b), scale) <= DIFFERENCES
        for (a, rounding_a), (b, rounding_b) in itertools.combinations(found, 2)
    )


def _beyond(difference: float, rounding: float) -> float:
    """What of a difference isn't rounding."""
    return max(0.0, abs(difference) - rounding)


def _part(error: float, scale: float) -> float:
    """Where the gradient is 0 everywhere, any error is infinite."""
    if math.isnan(error) or math.isnan(scale):
        return math.inf
    return error / scale if scale else math.inf if error else 0.0
