"""What the page's controls say of a spec, and a spec as they change it."""

from __future__ import annotations

from collections import abc
from pathlib import Path
from typing import Any, get_args

from minidl.errors import ConfigError, RunError
from minidl.play.bounds import TASKS
from minidl.spec import MlpModel, Spec, parse_spec
from minidl.spec.activation import AnyActivation
from minidl.spec.dump import plain_values, to_yaml
from minidl.spec.loader import load
from minidl.spec.loss import AnyLoss
from minidl.spec.nodes import Mapping, Place
from minidl.spec.optimizer import AnyOptimizer
from minidl.spec.schedule import ConstantSchedule, MultistepSchedule

PAGE = "page"  # where a file's name would stand in a message
# Those of two classes, and of any number.
_OF_TWO, _OF_ANY = ("bce_with_logits", "bce"), "cross_entropy"

FIRST = """\
name: play
data: {type: spirals, train: 400, test: 400, noise: 0.03, turns: 1.25}
model: {type: mlp, hidden: [8, 8, 8], activation: tanh, init: xavier_uniform}
loss: bce_with_logits
optimizer: {type: adam, lr: 0.01}
training: {batch_size: 20}
"""


def first_spec() -> Spec:
    """What the page shows if play is given nothing."""
    return parse_spec(FIRST, PAGE)


def written(text: str) -> Spec:
    """The spec that a page wrote. Raises ConfigError with what is wrong; a base would be a file."""
    root = load(text, Place(PAGE), [])
    if isinstance(root, Mapping) and "base" in root.items:
        message = "a page can't name files: write down what the base says"
        raise ConfigError([root.keys["base"].problem(message, "base")])
    return parse_spec(text, PAGE)


def controls_of(spec: Spec) -> dict[str, Any]:
    """The values of the controls; null: there is no such thing in this spec."""
    model, data = spec.model, spec.data
    mlp = model if isinstance(model, MlpModel) else None
    return {
        "data": data.type,
        "train": getattr(data, "train", None) if data.type in TASKS else None,
        "noise": getattr(data, "noise", None) if data.type in TASKS else None,
        "hidden": ", ".join(map(str, mlp.hidden)) if mlp else None,
        "activation": getattr(mlp.activation, "type", None) if mlp else None,
        "dropout": mlp.dropout if mlp else None,
        "loss": spec.loss.type,
        "optimizer": spec.optimizer.type,
        "lr": spec.optimizer.lr,
        "weight_decay": getattr(spec.optimizer, "weight_decay", None),
        "batch_size": spec.training.batch_size,
        "seed": spec.seed,
    }


def choices_of(spec: Spec) -> dict[str, list[str]]:
    """What can be chosen."""

    def types(group: Any) -> list[str]:
        return [one.type_name() for one in get_args(group)]

    own = [] if spec.data.type in TASKS else [spec.data.type]
    return {
        "data": [*own, *TASKS],
        "activation": types(AnyActivation),
        "loss": types(AnyLoss),
        "optimizer": types(AnyOptimizer),
    }


def changed(spec: Spec, changes: abc.Mapping[str, Any]) -> Spec:
    """The spec with other values of some controls. Raises ConfigError with what is wrong."""
    values = plain_values(spec)
    for name, value in changes.items():
        if name not in _CHANGES:
            raise RunError(f"{name}: there is no such control")
        _CHANGES[name](values, value)
    return parse_spec(to_yaml(values), PAGE)


def on_table(spec: Spec, path: Path, options: abc.Mapping[str, Any], classes: int) -> Spec:
    """The spec on a table of so many classes, 0 for a regression; with a loss that fits it."""
    values = plain_values(spec)
    values["data"] = {"type": "csv", "path": str(path), **options}
    kind = values["loss"]["type"]
    if classes == 0:
        values["loss"] = {"type": "mse"}
    elif classes > 2 and kind in _OF_TWO:
        values["loss"] = {"type": _OF_ANY}
    elif classes == 2 and kind == _OF_ANY:
        values["loss"] = {"type": _OF_TWO[0]}
    return parse_spec(to_yaml(values), PAGE)


def with_rate(spec: Spec, finished: int, lr: Any) -> Spec:
    """The spec whose rate is another from an epoch on, by a milestone of its schedule.

    Raises RunError where the schedule sets the rate of each epoch, and ConfigError.
    """
    from_now = changed(spec, {"lr": lr})  # which says what is wrong with a rate
    if finished == 0:
        return from_now
    schedule, milestones = spec.schedule, list[Any]()
    if isinstance(schedule, MultistepSchedule) and schedule.factor is None:
        pairs: Any = schedule.milestones
        milestones = [[epoch, rate] for epoch, rate in pairs if epoch < finished]
    elif not isinstance(schedule, ConstantSchedule):
        raise RunError(
            f"optimizer.lr: the schedule {schedule.type} sets the rate of each epoch: go back to"
            " the beginning to change where it starts"
        )
    values = plain_values(spec)
    values["schedule"] = {
        "type": "multistep",
        "milestones": [*milestones, [finished, lr]],
        "warmup": schedule.warmup,
    }
    return parse_spec(to_yaml(values), PAGE)


def _data(values: dict[str, Any], name: Any) -> None:
    before = values["data"]
    kept = {key: before[key] for key in ("train", "test") if before["type"] in TASKS}
    values["data"] = {"type": name, **(kept or {"train": 400, "test": 400})}
    kind = values["loss"]["type"]
    if kind in _OF_TWO and name == "blobs":
        values["loss"] = {"type": _OF_ANY}
    elif kind == _OF_ANY and before["type"] in ("blobs", "csv"):
        values["loss"] = {"type": _OF_TWO[0]}


def _points(values: dict[str, Any], count: Any) -> None:
    values["data"] |= {"train": count, "test": count}


def _hidden(values: dict[str, Any], text: Any) -> None:
    parts = [part.strip() for part in str(text).split(",") if part.strip()]
    if not all(part.isdecimal() for part in parts):
        raise RunError(f"model.hidden: expected widths such as 8, 8, but got {str(text)[:40]!r}")
    values["model"]["hidden"] = [int(part) for part in parts]


def _optimizer(values: dict[str, Any], name: Any) -> None:
    before = values["optimizer"]
    kept = {key: before[key] for key in ("lr", "weight_decay") if key in before}
    values["optimizer"] = {"type": name, **kept}


def _set(*path: str) -> Any:
    def change(values: dict[str, Any], value: Any) -> None:
        for key in path[:-1]:
            values = values[key]
        values[path[-1]] = value

    return change


_CHANGES: dict[str, Any] = {
    "data": _data,
    "train": _points,
    "noise": _set("data", "noise"),
    "hidden": _hidden,
    "activation": _set("model", "activation"),
    "dropout": _set("model", "dropout"),
    "loss": _set("loss"),
    "optimizer": _optimizer,
    "lr": _set("optimizer", "lr"),
    "weight_decay": _set("optimizer", "weight_decay"),
    "batch_size": _set("training", "batch_size"),
    "seed": _set("seed"),
}
