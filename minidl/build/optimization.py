"""The loss, the optimizer and the schedule of a spec."""

from __future__ import annotations

from typing import Any

from minidl import nn, optim
from minidl.build.options import make, options
from minidl.optim import schedules
from minidl.spec import Spec
from minidl.spec.schedule import CosineSchedule, LinearSchedule, MultistepSchedule, PlateauSchedule


def build_loss(spec: Spec, **changes: Any) -> nn.Loss:
    """The loss, with some options changed."""
    loss: nn.Loss = make(spec.loss, **changes)
    return loss


def build_optimizer(spec: Spec, network: nn.Module) -> optim.Optimizer:
    optimizer: optim.Optimizer = make(spec.optimizer, network)
    return optimizer


def build_schedule(spec: Spec) -> schedules.Schedule:
    """The rate as a function of the finished epochs (a plateau's part excepted).

    That of `optim.schedules` with the name of the schedule's type; the warm-up goes before it.
    """
    schedule = spec.schedule
    given, warmup = options(schedule), schedule.warmup
    del given["warmup"]
    if isinstance(schedule, PlateauSchedule):
        return schedules.warm_up(warmup, schedules.constant())
    if isinstance(schedule, MultistepSchedule):
        # Milestones are epochs of the training, whether it warms up or not.
        given["milestones"] = [
            (m[0] - warmup, m[1]) if isinstance(m, tuple) else m - warmup
            for m in schedule.milestones
        ]
    if isinstance(schedule, CosineSchedule | LinearSchedule):
        given["epochs"] = max((schedule.epochs or spec.training.epochs) - warmup, 1)
    made: schedules.Schedule = getattr(schedules, schedule.type)(**given)
    return schedules.warm_up(warmup, made)


def build_plateau(spec: Spec) -> optim.ReduceOnPlateau | None:
    """The schedule's part that watches a metric, if it is of that kind."""
    schedule = spec.schedule
    if not isinstance(schedule, PlateauSchedule):
        return None
    given = {name: value for name, value in options(schedule).items() if name != "warmup"}
    return optim.ReduceOnPlateau(spec.optimizer.lr, **given)
