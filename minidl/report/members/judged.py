"""What a classifier says of the test points: each class's score, and the class decided for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minidl.report.members.decision import class_of, margins
from minidl.report.members.run_view import RunView


@dataclass(frozen=True)
class Judged:
    """The test points whose outputs are finite.

    target, predicted (N,): classes; scores (N, classes): probabilities where `probable`, else
    outputs, as roc_auc ranks by them; ahead (N, classes): how far ahead each class is; points (N,):
    which of the test points these are.
    """

    target: np.ndarray
    predicted: np.ndarray
    scores: np.ndarray
    ahead: np.ndarray
    probable: bool
    points: np.ndarray


def judged(run: RunView) -> Judged | None:
    """None where no test point has a finite output, or nothing says what the only output means."""
    _, target, output = run.part("test")
    points = np.flatnonzero(np.isfinite(output).all(1))
    if not points.size:
        return None
    target, output = target[points], output[points].astype(np.float64)
    probabilities = run.probabilities(output)
    if probabilities is None and output.shape[1] == 1 and run.decision["kind"] == "argmax":
        return None
    ahead = margins(output, run.decision)
    scores = probabilities
    if scores is None:
        scores = output if output.shape[1] > 1 else ahead
    predicted = class_of(output, run.decision)
    return Judged(target, predicted, scores, ahead, probabilities is not None, points)
