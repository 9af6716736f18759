"""Class weights: what a step makes small, what is reported, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from trainings import built, data_of, spec

from minidl.build import prepare
from minidl.errors import ConfigError
from minidl.verify.probe import Probe

GIVEN = "{setosa: 0.5, virginica: 3}"


def weighted(weights: str, *more: str) -> tuple[str, ...]:
    loss = f"loss={{type: cross_entropy, class_weights: {weights}}}"
    return ("data=iris", "training.dtype=float64", loss, *more)


@pytest.mark.parametrize("weights", [GIVEN, "balanced"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_step_has_the_loss_and_gradient_of_pytorch(weights: str, reduction: str) -> None:
    given = weighted(weights, f"loss.reduction={reduction}", "data.validation_fraction=0.3")
    trainer, labels = built(*given).trainer, torch.from_numpy(data_of(spec(*given)).train.targets)
    expected = np.array([0.5, 1.0, 3.0])
    if weights == "balanced":
        expected = compute_class_weight("balanced", classes=np.arange(3), y=labels.numpy())
    rows = torch.arange(0, len(labels), 7)
    output = torch.randn(len(rows), 3, dtype=torch.float64).requires_grad_()
    theirs = torch.nn.CrossEntropyLoss(torch.from_numpy(expected), reduction=reduction)
    wanted = theirs(output, labels[rows])
    wanted.backward()
    with torch.no_grad():
        got = trainer.loss(output.detach(), trainer.batches.targets[rows])
    assert got.item() == pytest.approx(wanted.item(), rel=1e-12)
    torch.testing.assert_close(trainer.loss.backward(), output.grad, rtol=1e-12, atol=1e-15)


TWO = ("data={type: breast_cancer, validation_fraction: 0.3}", "training.dtype=float64")
LOGITS = (torch.nn.functional.binary_cross_entropy_with_logits, "output_activation: null")
PROBABILITIES = (torch.nn.functional.binary_cross_entropy, "output_activation: sigmoid")


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(
    ("loss", "theirs"),
    [
        ("type: bce, class_weights: {malignant: 3}", PROBABILITIES),
        ("type: bce, class_weights: balanced", PROBABILITIES),
        ("type: bce_with_logits, class_weights: {malignant: 3}", LOGITS),
        ("type: bce_with_logits, class_weights: balanced", LOGITS),
        ("type: bce_with_logits, pos_weight: 0.25", LOGITS),
    ],
)
def test_a_step_of_two_classes_has_the_loss_and_gradient_of_pytorch(
    loss: str, theirs: tuple[Any, str], reduction: str
) -> None:
    function, ending = theirs
    given = (*TWO, f"loss={{{loss}, reduction: {reduction}}}", f"model={{type: mlp, {ending}}}")
    trainer, data = built(*given).trainer, data_of(spec(*given))
    t = torch.from_numpy(data.train.targets)
    weights = np.array([3.0, 1.0]) if "malignant" in loss else np.array([1.0, 0.25])
    if "balanced" in loss:
        weights = compute_class_weight("balanced", classes=np.arange(2), y=t.numpy())
    assert data.class_names[0] == "malignant"
    rows = torch.arange(0, len(t), 7)
    output = torch.rand(len(rows), 1, dtype=torch.float64).requires_grad_()
    target, own = t[rows].double()[:, None], torch.from_numpy(weights)[t[rows]][:, None]
    wanted = function(output, target, own, reduction=reduction)
    wanted.backward()
    if "pos_weight" in loss:
        w = torch.tensor([0.25], dtype=torch.float64)
        assert torch.equal(wanted, function(output, target, pos_weight=w, reduction=reduction))
    with torch.no_grad():
        got = trainer.loss(output.detach(), trainer.batches.targets[rows])
    assert got.item() == pytest.approx(wanted.item(), rel=1e-12)
    torch.testing.assert_close(trainer.loss.backward(), output.grad, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("loss", ["class_weights: balanced", "pos_weight: 5"])
def test_the_reported_loss_of_two_classes_is_unweighted(loss: str) -> None:
    plain = built(*TWO, "loss=bce_with_logits").trainer
    trainer = built(*TWO, f"loss={{type: bce_with_logits, {loss}}}").trainer
    assert trainer.evaluator(trainer.parts["test"]) == plain.evaluator(plain.parts["test"])
    (first, *_), (other, *_) = list(trainer), list(plain)
    assert first.metrics["train_loss"] != other.metrics["train_loss"]


def test_the_reported_loss_is_unweighted() -> None:
    """So that it can be compared, and chosen by, whatever the weights."""
    plain = built("data=iris", "training.dtype=float64", "loss=cross_entropy").trainer
    trainer = built(*weighted(GIVEN)).trainer
    assert trainer.evaluator(trainer.parts["test"]) == plain.evaluator(plain.parts["test"])
    (first, *_), (other, *_) = list(trainer), list(plain)
    assert first.metrics["train_loss"] != other.metrics["train_loss"]


def test_a_weight_of_a_class_that_is_not_there() -> None:
    with pytest.raises(ConfigError) as caught:
        prepare(spec(*weighted("{setosa: 2, rose: 3}")))
    said = (
        "command line: loss.class_weights: the data has no class 'rose'; its classes are 'setosa', "
    )
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("class_weights: even", "expected balanced, or a mapping of classes to weights > 0"),
        ("class_weights: {setosa: 0}", "expected a number > 0, but got 0"),
        ("class_weights: balanced, label_smoothing: 0.1", "excludes label_smoothing"),
    ],
)
def test_other_weights_are_refused(loss: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        spec(f"loss={{type: cross_entropy, {loss}}}")
    assert "loss.class_weights" in str(caught.value)
    assert said in str(caught.value)


def test_class_weights_and_pos_weight_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match=r"loss\.pos_weight: excludes class_weights"):
        spec("loss={type: bce_with_logits, class_weights: balanced, pos_weight: 2}")


def test_check_proves_the_gradient_of_the_weighted_loss() -> None:
    """On the targets of steps, which hold the weights."""
    one = spec(*weighted(GIVEN))
    probe = Probe(one, data_of(one), 5, torch.Generator().manual_seed(0))
    masses = set(probe.target.sum(1).tolist())
    assert masses <= {0.5, 1.0, 3.0}
    assert len(masses) > 1
