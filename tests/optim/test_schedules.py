"""Schedules at points computed by hand, or against PyTorch's."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as torch_schedules

from minidl.optim import ReduceOnPlateau, Schedule, schedules


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (schedules.constant(), {0: 0.1, 1000: 0.1}),
        (
            schedules.multistep([(100, 0.03), (175, 0.01)]),
            {0: 0.1, 99: 0.1, 100: 0.03, 174: 0.03, 175: 0.01, 500: 0.01},
        ),
        (schedules.multistep([10, 20], 0.5), {9: 0.1, 10: 0.05, 19: 0.05, 20: 0.025}),
        (schedules.step(30, 0.1), {29: 0.1, 30: 0.01, 59: 0.01, 60: 0.001}),
        (schedules.exponential(0.5), {0: 0.1, 1: 0.05, 3: 0.0125}),
        (
            schedules.cosine(100),
            {0: 0.1, 25: 0.05 + 0.05 * math.sqrt(0.5), 50: 0.05, 100: 0.0, 200: 0.0},
        ),
        (schedules.cosine(100, final=0.2), {0: 0.1, 50: 0.06, 100: 0.02, 150: 0.02}),
        (schedules.linear(10, final=0.5), {0: 0.1, 5: 0.075, 10: 0.05, 20: 0.05}),
        (
            schedules.warm_up(4, schedules.linear(10)),
            {0: 0.02, 1: 0.04, 3: 0.08, 4: 0.1, 9: 0.05, 14: 0.0},
        ),
    ],
)
def test_rates_are_those_computed_by_hand(schedule: Schedule, expected: dict[int, float]) -> None:
    rates = {epoch: schedule(epoch, 0.1) for epoch in expected}
    assert rates == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_explicit_rates_are_exact() -> None:
    assert schedules.multistep([(5, 0.03)])(7, 0.1) == 0.03


@pytest.mark.parametrize(("metric", "mode"), [("test_loss", "min"), ("test_accuracy", "max")])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 3, "factor": 0.5},
        {"patience": 2, "factor": 0.5, "cooldown": 4},
        {"patience": 1, "factor": 0.3, "threshold": 0.1, "min_lr": 0.01},
    ],
    ids=str,
)
def test_plateau_agrees_with_pytorch(options: dict[str, float], metric: str, mode: str) -> None:
    draw = random.Random(4)
    values = [1 / (1 + epoch) + draw.uniform(0.5, 0.7) for epoch in range(100)]
    mine = ReduceOnPlateau(0.1, **options, metric=metric)  # type: ignore[arg-type]
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode, **options)  # type: ignore[arg-type]
    for value in values:
        theirs.step(value)
        # PyTorch skips a reduction of less than 1e-8; so small a rate ends the comparison.
        if optimizer.param_groups[0]["lr"] < 1e-6:
            break
        assert mine.step(value) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)


def test_a_metric_that_stands_still_lowers_the_rate_again_and_again() -> None:
    still, falling = (ReduceOnPlateau(0.1, factor=0.5, patience=2) for _ in range(2))
    for epoch in range(10):
        still.step(1.0)
        falling.step(1 / (1 + epoch))
    assert (still.lr, falling.lr) == (0.1 * 0.5**3, 0.1)


def test_a_plateau_goes_on_from_its_state() -> None:
    first, second = (ReduceOnPlateau(0.1, factor=0.5, patience=3, cooldown=2) for _ in range(2))
    for _ in range(6):
        first.step(1.0)
    second.restore(first.state())
    assert second.lr == first.lr < 0.1
    assert [first.step(1.0) for _ in range(9)] == [second.step(1.0) for _ in range(9)]


@pytest.mark.parametrize("epochs", [1, 7, 10, 30])
@pytest.mark.parametrize(
    "options", [{}, {"pct_start": 0.55, "div_factor": 10.0, "final_div_factor": 50.0}], ids=str
)
def test_one_cycle_agrees_with_pytorch(options: dict[str, Any], epochs: int) -> None:
    theirs = scheduled(lambda one: torch_schedules.OneCycleLR(one, 0.1, epochs, **options), epochs)
    assert rates(schedules.one_cycle(epochs, **options), epochs) == pytest.approx(theirs, rel=1e-12)


def test_one_cycle_may_begin_with_its_peak_and_holds_at_its_end() -> None:
    """At a peak of epoch 0 PyTorch divides by zero."""
    got = rates(schedules.one_cycle(3, 1 / 3, 2.0, 5.0), 5)
    assert got == pytest.approx([0.1, 0.055, 0.01, 0.01, 0.01])


@pytest.mark.parametrize(("period", "growth", "final"), [(7, 1, 0.0), (1, 2, 0.1), (3, 3, 0.5)])
def test_cosines_with_restarts_agree_with_pytorch(period: int, growth: int, final: float) -> None:
    theirs = scheduled(
        lambda one: torch_schedules.CosineAnnealingWarmRestarts(one, period, growth, 0.1 * final),
        50,
    )
    got = rates(schedules.cosine_restarts(period, growth, final), 50)
    assert got == pytest.approx(theirs, rel=1e-12, abs=1e-16)


@pytest.mark.parametrize("power", [0.5, 1.0, 0.9, 3.0])
def test_a_polynomial_agrees_with_pytorch(power: float) -> None:
    theirs = scheduled(lambda one: torch_schedules.PolynomialLR(one, 20, power), 30)
    got = rates(schedules.polynomial(20, power), 30)
    # PyTorch multiplies from epoch to epoch, which adds up roundings.
    assert got == pytest.approx(theirs, rel=1e-11, abs=1e-16)


def rates(schedule: Schedule, epochs: int) -> list[float]:
    return [schedule(epoch, 0.1) for epoch in range(epochs)]


def scheduled(make: Callable[[torch.optim.Optimizer], Any], epochs: int) -> list[float]:
    """The rates of the epochs by a scheduler of PyTorch's, which starts at lr 0.1."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9)
    scheduler, found = make(optimizer), []
    for epoch in range(epochs):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if epoch < epochs - 1:
            scheduler.step()
    return found
