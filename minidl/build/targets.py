"""Which form of targets, and how many outputs, a loss needs for some data."""

from __future__ import annotations

from minidl.build.options import problem
from minidl.data import Dataset
from minidl.data.encoding import Encoding
from minidl.nn.shape import times
from minidl.plural import plural
from minidl.spec import LinearLayer, MlpModel, Spec
from minidl.train.evaluation import Evaluator

MOST_ONE_HOT = 2**27  # numbers: 1 GiB in float64


def encoding_for(spec: Spec, data: Dataset) -> Encoding:
    """The encoding that loss, data and the config's number of outputs agree on.

    Raises ConfigError if they don't.
    """
    kind, (key, outputs) = spec.loss.type, _outputs_of(spec)
    if data.task == "images":
        shape = data.train.targets.shape[1:]
        if kind != "mse":
            raise problem(
                spec, "loss", f"{kind} needs classes, but the target is an image: use mse"
            )
        if isinstance(spec.model, MlpModel):
            message = f"an mlp gives a row of numbers, but the target is an image, {times(shape)}"
            raise problem(spec, "model", f"{message}: use a sequential model")
        return Encoding.of_images(shape)
    if data.task == "regression":
        if kind != "mse":
            raise problem(
                spec, "loss", f"{kind} needs classes, but the target is a number: use mse"
            )
        encoding = Encoding("values", data.train.targets.shape[1])
    elif kind == "cross_entropy":
        encoding = Encoding("index", data.classes)
    elif kind in ("bce", "bce_with_logits"):
        if data.classes != 2:
            names = ", ".join(data.class_names[:5]) + (", …" if data.classes > 5 else "")
            message = f"{kind} needs 2 classes, but the data has {data.classes} ({names})"
            raise problem(spec, "loss", f"{message}: use cross_entropy")
        encoding = Encoding("column", 1, threshold=0.5 if kind == "bce" else 0.0)
    elif data.classes == 2 and outputs in (None, 1):
        encoding = Encoding("column", 1)
    else:
        encoding = Encoding("one_hot", data.classes)
        if data.classes * max(len(data.train), len(data.test)) > MOST_ONE_HOT:
            message = f"{kind} turns each class into {data.classes} numbers: too many for this data"
            raise problem(spec, "loss", f"{message}; use cross_entropy")
    if outputs not in (None, encoding.outputs):
        needed = plural(encoding.outputs, "output")
        message = f"{kind} on this data needs {needed}, but got {outputs}"
        raise problem(spec, key, message)
    return encoding


def check_metrics(spec: Spec, encoding: Encoding) -> None:
    """Raise ConfigError if training is to stop or slow down by a metric that its task lacks."""
    training, known = spec.training, Evaluator.metrics_for(encoding)
    named = {
        "schedule.metric": getattr(spec.schedule, "metric", None),
        "training.early_stopping.metric": getattr(training.early_stopping, "metric", None),
        "training.stop_at.metric": getattr(training.stop_at, "metric", None),
    }
    for key, metric in named.items():
        if metric and metric.split("_", 1)[1] not in known:
            there_are = ", ".join(f"{part}_{name}" for part in ("train", "test") for name in known)
            raise problem(spec, key, f"this data has no {metric}; there are {there_are}")


def _outputs_of(spec: Spec) -> tuple[str, int | None]:
    """The key that says the number of outputs, and what it says."""
    if isinstance(spec.model, MlpModel):
        return "model.outputs", spec.model.outputs
    linear = [(i, x) for i, x in enumerate(spec.model.layers) if isinstance(x, LinearLayer)]
    if not linear:
        return "model.layers", None
    index, last = linear[-1]
    return f"model.layers[{index}].out_features", last.out_features
