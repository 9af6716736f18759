"""NaN or infinity in loss, gradient or weights ends a run in that epoch, whatever hides it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from trainings import built, plainly

from minidl.train.trainer import Epoch, Trainer

OPTIMIZERS = (
    *("sgd", "{type: sgd, momentum: 0.9, nesterov: true}", "rmsprop", "adam"),
    *("{type: adamw, amsgrad: true}", "adagrad"),
)
CLIPS = ("training.clip_value=0.5", "training.clip_norm=0.5", "training.clip_norm=null")
VALUES = (math.inf, -math.inf, math.nan)


def first_epoch(trainer: Trainer) -> Epoch:
    return next(iter(trainer))


@plainly
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("clip", CLIPS)
def test_a_gradient_that_is_no_number(optimizer: str, clip: str) -> None:
    check_gradient(f"optimizer={optimizer}", clip)


@pytest.mark.parametrize("clip", CLIPS)
def test_such_a_gradient_in_compiled_code(clip: str) -> None:
    check_gradient("optimizer=adam", clip)


def check_gradient(*overrides: str) -> None:
    assert first_epoch(built(*overrides).trainer).finite
    for value in VALUES:
        trainer = built(*overrides).trainer
        plant(trainer, value)
        assert not first_epoch(trainer).finite, value


def plant(trainer: Trainer, value: float) -> None:
    """Let one number of each gradient be that."""
    backward, flat, planted = trainer.network.backward, trainer.optimizer.flat, torch.tensor(value)

    def backward_and_plant(gradient: Tensor) -> Tensor:
        result = backward(gradient)
        flat.grad[3].copy_(planted)
        return result

    trainer.network.backward = backward_and_plant  # type: ignore[assignment, method-assign]


def test_an_infinite_gradient_at_a_rate_of_zero() -> None:
    trainer = built().trainer
    trainer.schedule = lambda epoch, lr: 0.0
    plant(trainer, math.inf)
    assert not first_epoch(trainer).finite


@pytest.mark.parametrize("value", VALUES)
def test_a_weight_that_is_no_number(value: float) -> None:
    trainer = built().trainer
    trainer.optimizer.flat.data[5] = value
    assert not first_epoch(trainer).finite


@pytest.mark.parametrize("value", VALUES)
def test_a_loss_that_is_no_number(value: float) -> None:
    """In a single batch, also where the weights stay finite."""
    trainer = built().trainer
    forward = trainer.loss.forward
    planted = torch.tensor(value)
    trainer.loss.forward = lambda output, target: forward(output, target) * planted  # type: ignore[method-assign]
    assert not first_epoch(trainer).finite


@pytest.mark.parametrize("value", VALUES)
def test_a_running_statistic_that_is_no_number(value: float) -> None:
    trainer = built("model={sequential: [batch_norm, linear]}").trainer
    assert first_epoch(trainer).finite
    trainer.network["norm_1"].statistics["running_var"][1] = value  # type: ignore[index]
    assert not first_epoch(trainer).finite


@pytest.mark.parametrize("optimizer", ["adagrad", "adam", "{type: sgd, momentum: 0.9}"])
@pytest.mark.parametrize("value", VALUES)
def test_what_an_optimizer_remembers(optimizer: str, value: float) -> None:
    """A sum of squares that is infinite makes steps of 0: the weights stay finite."""
    trainer = built(f"optimizer={optimizer}").trainer
    for vector in trainer.optimizer.vectors.values():
        vector[3] = value
    assert not first_epoch(trainer).finite


def test_a_variance_beyond_float32() -> None:
    layers = "[batch_norm, {linear: 4}, tanh, linear]"
    overrides = ["data={type: xor, train: 50, test: 20, noise: 1e20}", "loss=cross_entropy"]
    overrides.append(f"model={{type: sequential, layers: {layers}}}")
    assert not first_epoch(built(*overrides).trainer).finite
    assert first_epoch(built(*overrides, "training.dtype=float64").trainer).finite
