"""The loss, the optimizer and the schedule of a spec."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from minidl import nn, optim
from minidl.build.members import Members, options
from minidl.optim import schedules
from minidl.spec import (
    CosineSchedule,
    ExponentialSchedule,
    LinearSchedule,
    MultistepSchedule,
    PlateauSchedule,
    Spec,
    StepSchedule,
)

LOSSES: dict[str, Callable[..., nn.Loss]] = {
    "mse": nn.MSELoss,
    "bce": nn.BCELoss,
    "bce_with_logits": nn.BCEWithLogitsLoss,
    "cross_entropy": nn.CrossEntropyLoss,
}
OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": optim.SGD,
    "rmsprop": optim.RMSprop,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "adagrad": optim.Adagrad,
}


def build_loss(members: Members, **changes: Any) -> nn.Loss:
    """The loss, with some options changed."""
    loss = members.first.loss
    return LOSSES[loss.type](**{**options(loss), **changes}).stack(members.networks)


def build_optimizer(members: Members, network: nn.Module) -> optim.Optimizer:
    """The optimizer, with one number per network where the members differ.

    Where schedules may treat the members differently, each has a rate of its own from the start.
    """
    optimizer = members.first.optimizer
    given = {name: members.number(attrgetter(f"optimizer.{name}")) for name in options(optimizer)}
    schedule = members.first.schedule
    alike = all(spec.schedule == schedule for spec in members.specs)
    if members.networks is not None and (isinstance(schedule, PlateauSchedule) or not alike):
        given["lr"] = [spec.optimizer.lr for spec in members.specs]
    return OPTIMIZERS[optimizer.type](network, **given)


def build_schedule(spec: Spec) -> schedules.Schedule:
    """The rate as a function of the finished epochs (a plateau's part excepted)."""
    schedule, epochs = spec.schedule, spec.training.epochs
    made = schedules.constant()
    if isinstance(schedule, MultistepSchedule):
        # Milestones are epochs of the training, whether it warms up or not.
        pairs = [
            (m[0] - schedule.warmup, m[1]) for m in schedule.milestones if isinstance(m, tuple)
        ]
        starts = [m - schedule.warmup for m in schedule.milestones if isinstance(m, int)]
        made = schedules.multistep(pairs)
        if schedule.factor is not None:
            made = schedules.multistep_factor(starts, schedule.factor)
    elif isinstance(schedule, StepSchedule):
        made = schedules.step(schedule.step_size, schedule.factor)
    elif isinstance(schedule, ExponentialSchedule):
        made = schedules.exponential(schedule.factor)
    elif isinstance(schedule, CosineSchedule | LinearSchedule):
        fall = schedules.cosine if isinstance(schedule, CosineSchedule) else schedules.linear
        made = fall(schedule.epochs or max(epochs - schedule.warmup, 1), schedule.final)
    return schedules.warm_up(schedule.warmup, made) if schedule.warmup else made


def build_plateau(members: Members) -> optim.ReduceOnPlateau | None:
    """The schedule's part that watches a metric, if it is of that kind."""
    schedule = members.first.schedule
    if not isinstance(schedule, PlateauSchedule):
        return None
    given = {name: value for name, value in options(schedule).items() if name != "warmup"}
    return optim.ReduceOnPlateau([spec.optimizer.lr for spec in members.specs], **given)
