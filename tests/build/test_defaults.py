"""What is left out means the same in a config as in Python."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest

from minidl import nn
from minidl.build.options import class_of
from minidl.data.batches import Batches
from minidl.optim import ReduceOnPlateau, schedules
from minidl.spec.init import AnyInit
from minidl.spec.layer import AnyLayer, BatchNormLayer
from minidl.spec.loss import AnyLoss
from minidl.spec.optimizer import AnyOptimizer
from minidl.spec.schedule import AnySchedule, PlateauSchedule
from minidl.spec.training import Training
from minidl.train.trainer import Trainer

Made = Callable[..., Any]


def pairs() -> Iterator[tuple[type[Any], Made]]:
    """What has options in a config, and what they are passed to."""
    for union in (AnyOptimizer, AnyLoss, AnyInit, AnyLayer):
        for component in get_args(union):
            if component is not BatchNormLayer:
                yield component, class_of(component)
    yield from ((BatchNormLayer, kind) for kind in (nn.BatchNorm1d, nn.BatchNorm2d))
    for component in get_args(AnySchedule):
        if component is not PlateauSchedule:
            yield component, getattr(schedules, component.type_name())
    yield PlateauSchedule, ReduceOnPlateau
    yield from ((Training, kind) for kind in (Trainer, Batches))


@pytest.mark.parametrize(("component", "made"), list(pairs()), ids=lambda of: of.__name__)
def test_defaults_are_those_of_the_library(component: type[Any], made: Made) -> None:
    theirs = inspect.signature(made).parameters
    ours = {name: f.default for name, f in component.model_fields.items() if not f.is_required()}
    both = [name for name in ours if name in theirs and theirs[name].default is not inspect._empty]
    if component is PlateauSchedule:
        both.remove("metric")  # whether there is a validation part decides
    assert {name: ours[name] for name in both} == {name: theirs[name].default for name in both}


@pytest.mark.parametrize(("component", "made"), list(pairs()), ids=lambda of: of.__name__)
def test_what_python_may_leave_out_a_config_may_too(component: type[Any], made: Made) -> None:
    for name, parameter in inspect.signature(made).parameters.items():
        field = component.model_fields.get(name)
        if field is not None and parameter.default is not inspect._empty:
            assert not field.is_required(), name
