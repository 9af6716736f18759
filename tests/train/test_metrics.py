"""What `training.metrics` adds, against scikit-learn's functions of the same outputs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as theirs
import torch
from torch import Tensor

from minidl import nn
from minidl.data.encoding import Encoding
from minidl.probabilities import probabilities as of_arrays
from minidl.scores import BINS, MORE, OF_COUNTS, OF_PROBABILITIES, OF_RANKS, higher_is_better
from minidl.train.evaluation import Evaluator, Part
from minidl.train.metrics import fitting, misfit, probabilities

Array = np.ndarray


class Given(nn.Module):
    """A network whose outputs are its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return x


# loss, encoding, and whether outputs are logits, probabilities, or neither
LOSSES: dict[str, tuple[nn.Loss, Encoding]] = {
    "bce": (nn.BCELoss(), Encoding("column", 1)),
    "bce_with_logits": (nn.BCEWithLogitsLoss(), Encoding("column", 1, threshold=0.0)),
    "cross_entropy, 2 classes": (nn.CrossEntropyLoss(), Encoding("index", 2)),
    "cross_entropy, 4 classes": (nn.CrossEntropyLoss(), Encoding("index", 4)),
    "mse, column": (nn.MSELoss(), Encoding("column", 1)),
    "mse, one_hot": (nn.MSELoss(), Encoding("one_hot", 4)),
}
# The classes that occur, of four or of two.
OCCURRING: dict[str, Callable[[Array], Array]] = {
    "all": lambda labels: labels,
    "one alone": np.zeros_like,
    "the last alone": lambda labels: np.full_like(labels, labels.max()),
    "not the first": lambda labels: np.maximum(labels, 1),
    "not the last": lambda labels: np.minimum(labels, max(labels.max() - 1, 0)),
}
OUTPUTS: dict[str, Callable[[Array], Array]] = {
    "any": lambda outputs: outputs,
    "ties": lambda outputs: np.round(2 * outputs) / 2,
    "all alike": np.zeros_like,
    "extreme": lambda outputs: 200 * outputs,
}


def given(name: str, outputs: str, occurring: str, samples: int = 70) -> tuple[Array, Array]:
    """Outputs (N, K) and labels (N,)."""
    encoding = LOSSES[name][1]
    rng = np.random.default_rng(3)
    labels = OCCURRING[occurring](rng.integers(0, encoding.classes_there_are, samples))
    values = OUTPUTS[outputs](rng.normal(size=(samples, encoding.outputs)))
    return (np.clip(values / 2 + 0.5, 0, 1) if name == "bce" else values), labels


def measured(name: str, outputs: Array, labels: Array, chunk: int = 32) -> dict[str, float]:
    """By minidl, in several chunks."""
    loss, encoding = LOSSES[name]
    evaluator = Evaluator(Given(), loss, encoding, more=fitting(encoding, loss))
    x, t = torch.from_numpy(outputs), torch.from_numpy(labels)
    part = Part(x, encoding.encode(labels, torch.float64), t)
    for start in range(0, len(labels), chunk):
        evaluator.add(*(tensor[start : start + chunk] for tensor in (x, part.targets, t)))
    found = evaluator.result(evaluator.sums.tolist(), part, evaluator.outputs(part))
    return dict(zip(evaluator.metrics, found, strict=True))


def expected(name: str, outputs: Array, labels: Array) -> dict[str, float]:
    """By scikit-learn."""
    encoding = LOSSES[name][1]
    classes = encoding.classes_there_are
    predicted = encoding.classes(torch.from_numpy(outputs)).numpy()
    options: dict[str, Any] = {"zero_division": 0}
    values = {"balanced_accuracy": theirs.balanced_accuracy_score(labels, predicted)}
    for metric in ("precision", "recall", "f1"):
        function = getattr(theirs, f"{metric}_score")
        values[f"{metric}_macro"] = function(labels, predicted, average="macro", **options)
        if classes == 2:
            values[metric] = function(labels, predicted, **options)
    p, loss = of_arrays(outputs, name.split(",")[0]), LOSSES[name][0]
    scores = np.concatenate([-outputs, outputs], 1) if outputs.shape[1] == 1 else outputs
    scores = scores if p is None else p
    one_hot = np.eye(classes, dtype=int)[labels]
    if classes == 2:
        scores, one_hot = scores[:, 1], one_hot[:, 1]
    values["average_precision"] = theirs.average_precision_score(one_hot, scores)
    values["roc_auc"] = math.nan
    if len(set(labels)) == classes:
        values["roc_auc"] = theirs.roc_auc_score(one_hot, scores)
    if p is not None:  # to the bit as minidl has it: 1 − p has few digits where p is almost 1
        p = probabilities(loss, torch.from_numpy(outputs)).numpy()
        all_classes = list(range(classes))
        values["log_loss"] = theirs.log_loss(labels, p, labels=all_classes)
        values["brier"] = np.mean(((p - np.eye(classes)[labels]) ** 2).sum(1))
        values["brier"] /= 2 if classes == 2 else 1
        values["ece"] = calibration_error(p.max(1), predicted == labels)
    return values


def calibration_error(confidence: Array, right: Array) -> float:
    """By the definition of Guo et al. 2017, equation 3."""
    error = 0.0
    for m in range(BINS):
        bin_ = (confidence > m / BINS) & (confidence <= (m + 1) / BINS)
        if bin_.any():
            error += bin_.mean() * abs(right[bin_].mean() - confidence[bin_].mean())
    return error


@pytest.mark.parametrize(
    ("outputs", "occurring"),
    [*(("any", name) for name in OCCURRING), *((name, "all") for name in list(OUTPUTS)[1:])],
)
@pytest.mark.parametrize("name", LOSSES)
def test_each_metric_of_classes_is_that_of_scikit_learn(
    name: str, outputs: str, occurring: str
) -> None:
    given_outputs, labels = given(name, outputs, occurring)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of theirs, about what is undefined
        wanted = expected(name, given_outputs, labels)
    got = measured(name, given_outputs, labels)
    assert set(wanted) == set(got) - {"loss", "accuracy"}
    for metric, value in wanted.items():
        assert got[metric] == pytest.approx(value, rel=1e-12, abs=1e-12, nan_ok=True), metric


def test_the_brier_score_of_two_classes_is_that_of_scikit_learn() -> None:
    outputs, labels = given("bce", "any", "all")
    wanted = theirs.brier_score_loss(labels, outputs[:, 0])
    assert measured("bce", outputs, labels)["brier"] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("samples", [1, 2, 7, 100])
def test_each_metric_of_numbers_is_that_of_scikit_learn(samples: int, outputs: int) -> None:
    rng = np.random.default_rng(1)
    t, y = rng.normal(size=(2, samples, outputs))
    std = [0.5, 20.0, 3.0][:outputs]
    encoding, loss = Encoding("values", outputs), nn.MSELoss()
    evaluator = Evaluator(Given(), loss, encoding, std, more=fitting(encoding, loss))
    values = torch.from_numpy(t)
    got = evaluator(Part(torch.from_numpy(y), values, values))
    t, y = t * std, y * std
    wanted = {
        "rmse": theirs.root_mean_squared_error(t, y),
        "median_error": theirs.median_absolute_error(t, y),
    }
    assert {name: got[name] for name in wanted} == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("name", ["bce", "bce_with_logits", "cross_entropy, 4 classes"])
def test_probabilities_of_tensors_are_those_of_arrays(name: str) -> None:
    outputs, _ = given(name, "extreme", "all")
    wanted = of_arrays(outputs, name.split(",")[0])
    found = probabilities(LOSSES[name][0], torch.from_numpy(outputs))
    assert wanted is not None
    np.testing.assert_allclose(found.numpy(), wanted, rtol=0, atol=1e-15)


def test_a_metric_that_makes_no_sense_of_the_outputs_says_why() -> None:
    four, two = LOSSES["cross_entropy, 4 classes"], LOSSES["mse, column"]
    assert misfit("f1", four[1], four[0]) == (
        "is of the second of two classes, but there are 4: use f1_macro"
    )
    assert "needs probabilities" in str(misfit("ece", two[1], two[0]))
    assert "is of numbers" in str(misfit("rmse", four[1], four[0]))
    numbers = Encoding("values", 1)
    assert "is of classes" in str(misfit("roc_auc", numbers, nn.MSELoss()))
    assert fitting(Encoding.of_images((1, 4, 4)), nn.MSELoss()) == ()


def test_which_way_is_up() -> None:
    up = {name for name in MORE if higher_is_better(f"test_{name}")}
    assert up == {*OF_COUNTS, *OF_RANKS}
    assert not up & {*OF_PROBABILITIES}
