"""Every component of a spec, written with all of its options, and what must come of it.

Layers, losses and optimizers have theirs in `minidl.reference`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import torch
from trainings import built

from minidl import nn
from minidl.build import Experiment
from minidl.build.options import class_of
from minidl.spec.layer import AnyLayer, BatchNormLayer
from minidl.spec.loss import AnyLoss
from minidl.spec.optimizer import AnyOptimizer


@dataclass(frozen=True)
class Row:
    """A component written with all of its options, and what must come of it."""

    group: str
    name: str
    options: str  # as in YAML, without braces
    expected: Any
    more: tuple[str, ...] = ()  # what else the config needs

    @property
    def written(self) -> str:
        return f"{{type: {self.name}, {self.options}}}" if self.options else self.name

    def build(self) -> Experiment:
        return built(f"{self.group}={self.written}", *self.more)

    def __repr__(self) -> str:
        return f"{self.group} {self.name}"


def _names() -> Iterator[tuple[type, str]]:
    for component in get_args(AnyLayer | AnyLoss | AnyOptimizer):
        if component is not BatchNormLayer:
            yield class_of(component), component.type_name()


# What a class is called in a config.
NAMES = dict(_names()) | dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d), "batch_norm")
# Those that an option makes: test_class_weights.py.
WEIGHTED = {
    nn.WeightedCrossEntropyLoss: "cross_entropy",
    nn.WeightedBCELoss: "bce",
    nn.WeightedBCEWithLogitsLoss: "bce_with_logits",
}
NAMES |= WEIGHTED


def written(kind: type, **options: Any) -> str:
    """An object of that class as a config has it."""
    return json.dumps({"type": NAMES[kind], **options})


INITS = [
    Row("init", "uniform", "", nn.init.Uniform()),
    Row("init", "xavier_uniform", "gain: 3.0", nn.init.XavierUniform(3.0)),
    Row("init", "xavier_normal", "gain: 3.0", nn.init.XavierNormal(3.0)),
    Row("init", "he_uniform", "gain: 3.0", nn.init.HeUniform(3.0)),
    Row("init", "he_normal", "gain: 3.0", nn.init.HeNormal(3.0)),
    Row("init", "orthogonal", "gain: 3.0", nn.init.Orthogonal(3.0)),
    Row("init", "normal", "mean: 2.0, std: 0.5", nn.init.Normal(2.0, 0.5)),
    Row("init", "zeros", "", nn.init.Zeros()),
    Row("init", "constant", "value: 0.5", nn.init.Constant(0.5)),
]
# With lr 1 and 6 epochs: the rates of the epochs.
SCHEDULES = [
    Row("schedule", "constant", "warmup: 1", [0.5, 1, 1, 1, 1, 1]),
    Row("schedule", "multistep", "milestones: [[2, 0.5], [4, 0.3]], warmup: 1",
        [0.5, 1, 0.5, 0.5, 0.3, 0.3]),
    Row("schedule", "multistep", "milestones: [2, 4], factor: 0.1", [1, 1, 0.1, 0.1, 0.01, 0.01]),
    Row("schedule", "step", "step_size: 2, factor: 0.5, warmup: 1", [0.5, 1, 1, 0.5, 0.5, 0.25]),
    Row("schedule", "exponential", "factor: 0.5, warmup: 1", [0.5, 1, 0.5, 0.25, 0.125, 0.0625]),
    Row("schedule", "cosine", "epochs: 3, final: 0.5, warmup: 1", [0.5, 1, 0.75, 0.5, 0.5, 0.5]),
    Row("schedule", "linear", "epochs: 5, final: 0.2, warmup: 1", [0.5, 1, 0.8, 0.6, 0.4, 0.2]),
    Row("schedule", "polynomial", "epochs: 5, power: 2.0, final: 0.2, warmup: 1",
        [0.5, 1, 0.65, 0.4, 0.25, 0.2]),
    Row("schedule", "cosine_restarts", "period: 1, growth: 2, final: 0.5, warmup: 1",
        [0.5, 1, 1, 0.75, 1, 0.5 + 0.25 * (1 + 0.5**0.5)]),
    Row("schedule", "one_cycle", "epochs: 5, pct_start: 0.6, div_factor: 4.0, "
        "final_div_factor: 2.0", [0.25, 0.625, 1, 0.5625, 0.125, 0.125]),
]  # fmt: skip
PLATEAU = Row(
    "schedule",
    "plateau",
    "metric: test_accuracy, patience: 3, factor: 0.5, threshold: 0.25, cooldown: 2, min_lr: 0.125, "
    "warmup: 1",
    {"metric": "test_accuracy", "patience": 3, "factor": 0.5, "threshold": 0.25, "cooldown": 2}
    | {"min_lr": 0.125},
)
MLP = Row(
    "model",
    "mlp",
    "hidden: [5, 4], activation: [tanh, relu], output_activation: sigmoid, init: zeros, "
    "dropout: 0.25, bias: false, outputs: 1, seed: 3",
    [
        "Linear(2, 5, bias=False)",
        "Tanh()",
        "Dropout(0.25)",
        "Linear(5, 4, bias=False)",
        "ReLU()",
        "Dropout(0.25)",
        "Linear(4, 1, bias=False)",
        "Sigmoid()",
    ],
)
SEQUENTIAL = Row(
    "model",
    "sequential",
    "layers: [{linear: 5}, relu, {linear: null}], init: zeros, seed: 3",
    ["Linear(2, 5)", "ReLU()", "Linear(5, 1)"],
)
MODELS = [MLP, SEQUENTIAL]
SMALL_DENOISER = ("model={sequential: [{type: conv2d, out_channels: 1, padding: same}]}",)
# (samples for training, validation and testing, shape of an input, outputs with mse)
DRAWN = "train: 30, test: 20, validation: 10, seed: 1"
HALF = "test_fraction: 0.5, validation_fraction: 0.2, standardize: false, seed: 1"
DATA = [
    Row("data", "disk", DRAWN, (30, 10, 20, (2,), 1)),
    Row("data", "annulus", DRAWN, (30, 10, 20, (2,), 1)),
    Row("data", "xor", f"{DRAWN}, noise: 0.1", (30, 10, 20, (2,), 1)),
    Row("data", "spirals", f"{DRAWN}, classes: 3, turns: 0.5, noise: 0.1",
        (30, 10, 20, (2,), 3)),
    Row("data", "checkerboard", f"{DRAWN}, cells: 3", (30, 10, 20, (2,), 1)),
    Row("data", "moons", f"{DRAWN}, noise: 0.2", (30, 10, 20, (2,), 1)),
    Row("data", "circles", f"{DRAWN}, noise: 0.2, factor: 0.25", (30, 10, 20, (2,), 1)),
    Row("data", "blobs", f"{DRAWN}, classes: 4, std: 2.0", (30, 10, 20, (2,), 4)),
    Row("data", "noisy_sine", f"{DRAWN}, noise: 0.2", (30, 10, 20, (1,), 1)),
    Row("data", "friedman1", f"{DRAWN}, noise: 0.2, features: 7", (30, 10, 20, (7,), 1)),
    Row("data", "photo_patches", f"{DRAWN}, size: 8, target: noisy, gray: true, "
        "noise: {type: mask, lost: 0.25}", (30, 10, 20, (1, 8, 8), 64), SMALL_DENOISER),
    Row("data", "shapes", f"{DRAWN}, size: 8, classes: 5, noise: 0.2",
        (30, 10, 20, (1, 8, 8), 5)),
    Row("data", "iris", HALF, (60, 15, 75, (4,), 3)),
    Row("data", "wine", HALF, (71, 18, 89, (13,), 3)),
    Row("data", "breast_cancer", HALF, (228, 57, 284, (30,), 1)),
    Row("data", "digits", f"{HALF}, images: true", (719, 180, 898, (1, 8, 8), 10)),
    Row("data", "diabetes", HALF, (177, 44, 221, (10,), 1)),
    Row("data", "csv", "path: PATH, target: c, features: [a, b], drop: [d], columns: {b: category},"
        " types: {number: [a]}, test_fraction: 0.25, "
        "validation_fraction: 0.2, task: auto, standardize: false, "
        "scale: none, delimiter: ;, decimal: ',', thousands: '.', encoding: utf-8, header: true, "
        "skip_rows: 0, comment: '#', missing_values: ['?'], missing: drop, indicator: false,"
        " unknown: other, rare: {min_count: 2}, max_categories: 2, split: random, seed: 1",
        (12, 3, 5, (4,), 1)),
    Row("data", "arrays", "path: PATH, test_fraction: 0.25, "
        "validation_fraction: 0.2, task: regression, standardize: true, seed: 1",
        (12, 3, 5, (3,), 1)),
]  # fmt: skip
# Of a table of 12 rows: how many validate and test, and which test, where that isn't by chance.
SPLITS = [
    Row("split", "random", "", (2, 3, None)),
    Row("split", "stratified", "column: who", (2, 3, None)),
    Row("split", "group", "column: who", (2, 4, None)),
    Row("split", "time", "column: day, format: '%d.%m.%Y'", (2, 3, [1, 2, 3])),
]
GAPS = "missing_values: ['?'], missing: mean, indicator: true"
COLUMNS = [  # what becomes of the column x with these cells: the inputs of the first row
    Row(
        "column",
        "number",
        f"scale: none, strip: [' kg'], {GAPS}",
        (["1 kg", "?", "3 kg"], {"x": 1.0, "x missing": 0.0}),
    ),
    Row(
        "column",
        "cyclic",
        f"period: 24, strip: [h], {GAPS}",
        (["6h", "?", "12h"], {"x cos": 0.0, "x sin": 1.0, "x missing": 0.0}),
    ),
    Row("column", "boolean", GAPS, (["yes", "?", "no"], {"x": 1.0, "x missing": 0.0})),
    Row(
        "column",
        "ordinal",
        f"order: [low, mid, high], scale: none, {GAPS}",
        (["high", "?", "low"], {"x": 2.0, "x missing": 0.0}),
    ),
    Row(
        "column",
        "date",
        f"format: '%d.%m.%Y', parts: [days, month], {GAPS}",
        (
            ["01.04.2024", "?", "02.04.2024"],
            {"x days": -1.0, "x month cos": 0.0, "x month sin": 1.0, "x missing": 0.0},
        ),
    ),
    Row(
        "column",
        "category",
        "rare: {min_count: 2}, max_categories: 1, unknown: other, "
        "missing: category, missing_values: ['?']",
        (["a", "?", "b", "b"], {"x=b": 0.0, "x=other": 1.0, "x=missing": 0.0}),
    ),
    Row(
        "column",
        "text",
        "words: 2, hashed: false, missing: category, missing_values: ['?']",
        (["Red apple", "?", "a red one", "an apple"], {"x~apple": 1.0, "x~red": 1.0}),
    ),
    Row("column", "text", "words: 1, hashed: true", (["red", "an apple", "b"], {"x~0": 1.0})),
]
TRAINING = [
    Row("training", "epochs", "4", lambda t: t.epochs == 4),
    Row("training", "batch_size", "10", lambda t: len(t.batches) == 4),
    Row("training", "drop_last", "true", lambda t: len(t.batches) == 2),
    Row("training", "eval_every", "2", lambda t: t.eval_every == 2),
    Row("training", "evaluate_in", "train", lambda t: t.evaluate_in_training_mode),
    Row("training", "dtype", "float64", lambda t: t.optimizer.flat.data.dtype == torch.float64),
    Row("training", "clip_norm", "0.5", lambda t: t.clip_norm == 0.5),
    Row("training", "clip_value", "0.5", lambda t: t.clip_value == 0.5),
    Row("training", "metrics", "[f1]", lambda t: "test_f1" in t.columns),
]
NOISES = [  # the std of their noise on a value of 1/4
    Row("noise", "gaussian", "sigma: 0.05", 0.05),
    Row("noise", "poisson", "peak: 100.0", 0.05),
    Row("noise", "mask", "lost: 0.5", 0.125),
]
ALL = [*INITS, *SCHEDULES, PLATEAU, *MODELS, *DATA, *SPLITS, *COLUMNS, *NOISES]
