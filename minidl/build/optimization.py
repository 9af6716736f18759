"""The loss, the optimizer and the schedule of a spec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidl import nn, optim
from minidl.build.options import options
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


def build_loss(spec: Spec, **changes: Any) -> nn.Loss:
    """The loss, with some options changed."""
    loss = spec.loss
    return LOSSES[loss.type](**{**options(loss), **changes})


def build_optimizer(spec: Spec, network: nn.Module) -> optim.Optimizer:
    return OPTIMIZERS[spec.optimizer.type](network, **options(spec.optimizer))


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
        made = fall(max((schedule.epochs or epochs) - schedule.warmup, 1), schedule.final)
    return schedules.warm_up(schedule.warmup, made) if schedule.warmup else made


def build_plateau(spec: Spec) -> optim.ReduceOnPlateau | None:
    """The schedule's part that watches a metric, if it is of that kind."""
    schedule = spec.schedule
    if not isinstance(schedule, PlateauSchedule):
        return None
    given = {name: value for name, value in options(schedule).items() if name != "warmup"}
    return optim.ReduceOnPlateau(spec.optimizer.lr, **given)
