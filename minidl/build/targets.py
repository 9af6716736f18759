"""Which form of targets, and how many outputs, a loss needs for some data."""

from __future__ import annotations

from minidl.build.optimization import build_reported_loss
from minidl.build.options import problem
from minidl.data import Dataset
from minidl.data.encoding import Encoding
from minidl.nn.shape import times
from minidl.plural import plural
from minidl.scores import without_part
from minidl.spec import LinearLayer, MlpModel, Spec
from minidl.train.evaluation import Evaluator
from minidl.train.metrics import fitting, misfit

OF_NUMBERS = ("mse", "mae", "huber", "smooth_l1")  # losses that take any numbers as targets
MOST_ONE_HOT = 2**27  # numbers: 1 GiB in float64
NO_VALIDATION = "; data.validation or data.validation_fraction sets a validation part apart"


def encoding_for(spec: Spec, data: Dataset) -> Encoding:
    """The encoding that loss, data and the config's number of outputs agree on.

    Raises ConfigError if they don't.
    """
    kind, (key, outputs) = spec.loss.type, _outputs_of(spec)
    if data.task == "images":
        shape = data.train.targets.shape[1:]
        if kind not in OF_NUMBERS:
            raise problem(
                spec, "loss", f"{kind} needs classes, but the target is an image: use mse"
            )
        if isinstance(spec.model, MlpModel):
            message = f"an mlp gives a row of numbers, but the target is an image, {times(shape)}"
            raise problem(spec, "model", f"{message}: use a sequential model")
        return Encoding.of_images(shape)
    if data.task == "regression":
        if kind not in OF_NUMBERS:
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
        if data.classes * max(map(len, data.parts.values())) > MOST_ONE_HOT:
            message = f"{kind} turns each class into {data.classes} numbers: too many for this data"
            raise problem(spec, "loss", f"{message}; use cross_entropy")
    if outputs not in (None, encoding.outputs):
        needed = plural(encoding.outputs, "output")
        message = f"{kind} on this data needs {needed}, but got {outputs}"
        raise problem(spec, key, message)
    return encoding


def check_metrics(spec: Spec, data: Dataset, encoding: Encoding) -> None:
    """Raise ConfigError for a metric that this task lacks.

    Be it one to measure, or one that training is to stop or slow down by.
    """
    training, loss = spec.training, build_reported_loss(spec)
    for index, name in enumerate(training.metrics):
        if message := misfit(name, encoding, loss):
            raise problem(spec, f"training.metrics[{index}]", f"{name} {message}")
    known = (*Evaluator.metrics_for(encoding), *training.metrics)
    named = {
        "schedule.metric": getattr(spec.schedule, "metric", None),
        "training.early_stopping.metric": getattr(training.early_stopping, "metric", None),
        "training.stop_at.metric": getattr(training.stop_at, "metric", None),
    }
    for key, metric in named.items():
        there_are = [f"{part}_{name}" for part in data.parts for name in known]
        if metric and metric not in there_are:
            name = without_part(metric)
            hint = NO_VALIDATION if name in known else ""
            if name in fitting(encoding, loss) and name not in known:
                hint = f"; training.metrics: [{name}] measures it"
            message = f"this data has no {metric}; there are {', '.join(there_are)}{hint}"
            raise problem(spec, key, message)


def _outputs_of(spec: Spec) -> tuple[str, int | None]:
    """The key that says the number of outputs, and what it says."""
    if isinstance(spec.model, MlpModel):
        return "model.outputs", spec.model.outputs
    linear = [(i, x) for i, x in enumerate(spec.model.layers) if isinstance(x, LinearLayer)]
    if not linear:
        return "model.layers", None
    index, last = linear[-1]
    return f"model.layers[{index}].out_features", last.out_features
