"""The loss, the optimizer and the schedule of a spec."""

from __future__ import annotations

from minidl import nn, optim
from minidl.build.options import class_of, make, options, problem
from minidl.build.tuning import parameters_of
from minidl.optim import schedules
from minidl.spec import Spec
from minidl.spec.schedule import MultistepSchedule, PlateauSchedule

WEIGHTS = ("class_weights", "pos_weight")  # of a loss; training's targets hold them


def build_loss(spec: Spec) -> nn.Loss:
    """The loss that training makes small."""
    loss: nn.Loss
    if any(getattr(spec.loss, key, None) is not None for key in WEIGHTS):
        loss = getattr(nn, f"Weighted{class_of(spec.loss).__name__}")(spec.loss.reduction)
    else:
        loss = make(spec.loss)
    return loss


def build_reported_loss(spec: Spec) -> nn.Loss:
    """The loss as evaluations report it: a mean, with all samples alike.

    So it is comparable, whatever `reduction` and weights are trained with.
    """
    given = {**options(spec.loss), "reduction": "mean"}
    for key in WEIGHTS:
        given.pop(key, None)
    loss: nn.Loss = class_of(spec.loss)(**given)
    return loss


def build_optimizer(spec: Spec, network: nn.Module) -> optim.Optimizer:
    """The optimizer, with the rates of the layers that have their own.

    Raises ConfigError where there is no such layer.
    """
    for name, factor in (spec.optimizer.lr_factors or {}).items():
        key = f"optimizer.lr_factors.{name}"
        for parameter in parameters_of(spec, network, name, key):
            if parameter.frozen:
                raise problem(spec, key, f"{name} is frozen (model.freeze): it has no rate")
            parameter.lr_factor = factor
    given = options(spec.optimizer)
    given.pop("lr_factors", None)
    if given.pop("weight_decay_on") == "weights":
        for parameter in network.parameters():
            parameter.penalized = len(parameter.shape) > 1
    optimizer: optim.Optimizer = class_of(spec.optimizer)(network, **given)
    return optimizer


def build_schedule(spec: Spec) -> schedules.Schedule:
    """The rate as a function of the finished epochs (a plateau's part excepted).

    That of `optim.schedules` with the name of the schedule's type; the warm-up goes before it.
    """
    schedule = spec.schedule
    given = options(schedule)
    warmup = given.pop("warmup", 0)
    if isinstance(schedule, PlateauSchedule):
        return schedules.warm_up(warmup, schedules.constant())
    if isinstance(schedule, MultistepSchedule):
        # Milestones are epochs of the training, whether it warms up or not.
        given["milestones"] = [
            (m[0] - warmup, m[1]) if isinstance(m, tuple) else m - warmup
            for m in schedule.milestones
        ]
    if "epochs" in type(schedule).model_fields:
        given["epochs"] = max(given.get("epochs", spec.training.epochs) - warmup, 1)
    made: schedules.Schedule = getattr(schedules, schedule.type)(**given)
    return schedules.warm_up(warmup, made)


def build_plateau(spec: Spec) -> optim.ReduceOnPlateau | None:
    """The schedule's part that watches a metric, if it is of that kind."""
    schedule = spec.schedule
    if not isinstance(schedule, PlateauSchedule):
        return None
    given = {name: value for name, value in options(schedule).items() if name != "warmup"}
    return optim.ReduceOnPlateau(spec.optimizer.lr, **given)
