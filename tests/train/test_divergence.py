"""NaN or infinity in loss, gradient or weights ends a run in that epoch, whatever hides it."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from trainings import built

from minidl.train import Epoch

OPTIMIZERS = (
    *("sgd", "{type: sgd, momentum: 0.9, nesterov: true}", "rmsprop", "adam"),
    *("{type: adamw, amsgrad: true}", "adagrad"),
)
CLIPS = ("training.clip_value=0.5", "training.clip_norm=0.5", "training.clip_norm=null")
VALUES = (math.inf, -math.inf, math.nan)


def first_epoch(trainer: Any) -> Epoch:
    return next(iter(trainer))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("clip", CLIPS)
def test_a_gradient_that_is_no_number(optimizer: str, clip: str) -> None:
    for value in VALUES:
        trainer = built(f"optimizer={optimizer}", clip).trainer
        backward, grad = trainer.network.backward, trainer.optimizer.flat.grad

        def planted(
            gradient: Tensor, backward: Any = backward, grad: Tensor = grad, value: float = value
        ) -> Any:
            result = backward(gradient)
            grad[3:4].fill_(value)
            return result

        assert first_epoch(built(f"optimizer={optimizer}", clip).trainer).finite == [True]
        trainer.network.backward = planted  # type: ignore[method-assign]
        assert first_epoch(trainer).finite == [False], value


def test_an_infinite_gradient_at_a_rate_of_zero() -> None:
    trainer = built().trainer
    trainer.schedules = [lambda epoch, lr: 0.0]
    backward, grad = trainer.network.backward, trainer.optimizer.flat.grad

    def planted(gradient: Tensor) -> Any:
        result = backward(gradient)
        grad[3:4].fill_(math.inf)
        return result

    trainer.network.backward = planted  # type: ignore[method-assign]
    assert first_epoch(trainer).finite == [False]


@pytest.mark.parametrize("value", VALUES)
def test_a_weight_that_is_no_number(value: float) -> None:
    trainer = built().trainer
    trainer.optimizer.flat.data[5] = value
    assert first_epoch(trainer).finite == [False]


@pytest.mark.parametrize("value", VALUES)
def test_a_loss_that_is_no_number(value: float) -> None:
    """In a single batch, also where the weights stay finite."""
    trainer = built().trainer
    forward = trainer.loss.forward
    planted = torch.tensor(value)
    trainer.loss.forward = lambda output, target: forward(output, target).mul_(planted)  # type: ignore[method-assign]
    assert first_epoch(trainer).finite == [False]


def test_a_stack_tells_which_of_its_networks_had_such_a_gradient() -> None:
    from trainings import data_of, spec

    from minidl.build import build

    specs = [spec(f"seed={seed}", "training.clip_value=0.5") for seed in range(3)]
    trainer = build(specs, [data_of(one) for one in specs]).trainer
    backward, flat = trainer.network.backward, trainer.optimizer.flat

    def planted(gradient: Tensor) -> Any:
        result = backward(gradient)
        flat.blocks(flat.grad)[0][1, 2:3].fill_(math.inf)
        return result

    trainer.network.backward = planted  # type: ignore[method-assign]
    assert first_epoch(trainer).finite == [True, False, True]
