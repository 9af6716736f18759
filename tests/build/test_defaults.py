"""What is left out means the same in a config as in Python."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest

from minidl import nn
from minidl.build.layers import CONVOLUTIONS, PLAIN
from minidl.build.optimization import LOSSES, OPTIMIZERS
from minidl.nn.init import INITIALIZERS
from minidl.optim import ReduceOnPlateau, schedules
from minidl.spec.init import AnyInit
from minidl.spec.layer import AnyLayer
from minidl.spec.loss import AnyLoss
from minidl.spec.optimizer import AnyOptimizer
from minidl.spec.schedule import AnySchedule

# What has options in a config, and what they are passed to.
LIBRARY: list[tuple[Any, dict[str, Callable[..., Any]]]] = [
    (AnyOptimizer, OPTIMIZERS),
    (AnyLoss, LOSSES),
    (AnyInit, dict(INITIALIZERS)),
    (
        AnyLayer,
        {
            **CONVOLUTIONS,
            **PLAIN,
            "linear": nn.Linear,
            "dropout": nn.Dropout,
            "batch_norm": nn.BatchNorm2d,
            "layer_norm": nn.LayerNorm,
            "residual": nn.Residual,
        },
    ),
    (
        AnySchedule,
        {
            "constant": schedules.constant,
            "multistep": schedules.multistep,
            "step": schedules.step,
            "exponential": schedules.exponential,
            "cosine": schedules.cosine,
            "linear": schedules.linear,
            "plateau": ReduceOnPlateau,
        },
    ),
]


def pairs() -> Iterator[tuple[type[Any], Callable[..., Any]]]:
    for union, made in LIBRARY:
        for component in get_args(union):
            yield component, made[component.type_name()]


@pytest.mark.parametrize(("component", "made"), list(pairs()), ids=lambda of: of.__name__)
def test_defaults_are_those_of_the_library(component: type[Any], made: Callable[..., Any]) -> None:
    theirs = inspect.signature(made).parameters
    ours = {name: f.default for name, f in component.model_fields.items() if not f.is_required()}
    both = [name for name in ours if name in theirs and theirs[name].default is not inspect._empty]
    assert {name: ours[name] for name in both} == {name: theirs[name].default for name in both}
