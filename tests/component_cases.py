"""Every component of a spec, written with all of its options, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from trainings import built

from minidl import nn, optim
from minidl.build import Experiment


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


IRIS = ("data=iris",)
LOSSES = [
    Row("loss", "mse", "reduction: sum", nn.MSELoss("sum")),
    Row("loss", "bce", "reduction: sum", nn.BCELoss("sum"), ("model.output_activation=sigmoid",)),
    Row("loss", "bce_with_logits", "reduction: batchmean", nn.BCEWithLogitsLoss("batchmean")),
    Row(
        "loss",
        "cross_entropy",
        "reduction: sum, label_smoothing: 0.25",
        nn.CrossEntropyLoss("sum", label_smoothing=0.25),
    ),
]
ADAM = "lr: 0.5, betas: [0.5, 0.75], eps: 0.125, amsgrad: true, weight_decay: 0.25"
OPTIMIZERS = [
    Row(
        "optimizer",
        "sgd",
        "lr: 0.5, momentum: 0.25, dampening: 0.0, nesterov: true, weight_decay: 0.5, "
        "decoupled: true",
        (optim.SGD, {"lr": 0.5, "momentum": 0.25, "dampening": 0.0, "nesterov": True}
         | {"weight_decay": 0.5, "decoupled": True}),
    ),
    Row(
        "optimizer",
        "rmsprop",
        "lr: 0.5, alpha: 0.75, eps: 0.125, momentum: 0.25, centered: true, weight_decay: 0.5",
        (optim.RMSprop, {"lr": 0.5, "alpha": 0.75, "eps": 0.125, "momentum": 0.25}
         | {"centered": True, "weight_decay": 0.5}),
    ),
    *(
        Row(
            "optimizer",
            name,
            ADAM,
            (kind, {"lr": 0.5, "beta1": 0.5, "beta2": 0.75, "eps": 0.125, "amsgrad": True}
             | {"weight_decay": 0.25}),
        )
        for name, kind in [("adam", optim.Adam), ("adamw", optim.AdamW)]
    ),
    Row(
        "optimizer",
        "adagrad",
        "lr: 0.5, lr_decay: 0.25, initial_accumulator_value: 0.75, eps: 0.125, weight_decay: 0.5",
        (optim.Adagrad, {"lr": 0.5, "lr_decay": 0.25, "initial_accumulator_value": 0.75}
         | {"eps": 0.125, "weight_decay": 0.5}),
    ),
]  # fmt: skip
ACTIVATIONS = [
    Row("activation", "relu", "", "ReLU()"),
    Row("activation", "leaky_relu", "negative_slope: 0.25", "LeakyReLU(0.25)"),
    Row("activation", "sigmoid", "", "Sigmoid()"),
    Row("activation", "tanh", "", "Tanh()"),
    Row("activation", "gelu", "", "GELU()"),
    Row("activation", "silu", "", "SiLU()"),
    Row("activation", "softmax", "", "Softmax()"),
]
IMAGES = ("data={type: digits, images: true}",)
LAYERS = [
    Row("layer", "linear", "out_features: 3, bias: false, init: zeros", "Linear(2, 3, bias=False)"),
    Row("layer", "conv2d",
        "out_channels: 3, kernel_size: [3, 2], stride: 2, padding: [2, 1], dilation: [1, 2], "
        "bias: false, init: zeros",
        "Conv2d(1, 3, kernel_size=(3, 2), stride=2, padding=(2, 1), dilation=(1, 2), bias=False)",
        IMAGES),
    Row("layer", "conv_transpose2d",
        "out_channels: 3, kernel_size: 2, stride: 3, padding: 1, output_padding: [2, 1], "
        "dilation: 2, bias: false, init: zeros",
        "ConvTranspose2d(1, 3, kernel_size=2, stride=3, padding=1, dilation=2, "
        "output_padding=(2, 1), bias=False)", IMAGES),
    Row("layer", "upsampling",
        "out_channels: 3, kernel_size: 5, scale_factor: [3, 2], padding: 2, bias: false, "
        "init: zeros",
        "UpsampleConv2d(1, 3, kernel_size=5, scale_factor=(3, 2), padding=2, bias=False)",
        IMAGES),
    Row("layer", "upsample", "scale_factor: [1.5, 2.0], mode: bilinear",
        "Upsample((1.5, 2.0), mode='bilinear')", IMAGES),
    Row("layer", "upsample", "size: [9, 7]", "Upsample(size=(9, 7))", IMAGES),
    Row("layer", "max_pool2d", "kernel_size: 3, stride: [1, 2], padding: 1, dilation: 2",
        "MaxPool2d(3, stride=(1, 2), padding=1, dilation=2)", IMAGES),
    Row("layer", "avg_pool2d", "kernel_size: [2, 3], stride: 1, padding: [0, 1]",
        "AvgPool2d((2, 3), stride=1, padding=(0, 1))", IMAGES),
    Row("layer", "global_avg_pool2d", "", "GlobalAvgPool2d()", IMAGES),
    Row("layer", "batch_norm", "eps: 0.25, momentum: 0.5",
        "BatchNorm1d(2, eps=0.25, momentum=0.5)"),
    Row("layer", "batch_norm", "", "BatchNorm2d(1)", IMAGES),
    Row("layer", "layer_norm", "normalized_shape: [8, 8], eps: 0.25",
        "LayerNorm((8, 8), eps=0.25)", IMAGES),
    Row("layer", "layer_norm", "", "LayerNorm(2)"),
    Row("layer", "residual", "layers: [{linear: 2}, {type: tanh, name: bend}]",
        "Residual(\n  fc_1: Linear(2, 2)\n  bend: Tanh()\n)"),
    Row("layer", "dropout", "p: 0.25", "Dropout(0.25)"),
    Row("layer", "flatten", "", "Flatten()"),
    *(Row("layer", row.name, row.options, row.expected) for row in ACTIVATIONS),
]  # fmt: skip
INITS = [
    Row("init", "uniform", "", nn.init.Uniform()),
    Row("init", "xavier_uniform", "gain: 3.0", nn.init.XavierUniform(3.0)),
    Row("init", "xavier_normal", "gain: 3.0", nn.init.XavierNormal(3.0)),
    Row("init", "he_uniform", "gain: 3.0", nn.init.HeUniform(3.0)),
    Row("init", "he_normal", "gain: 3.0", nn.init.HeNormal(3.0)),
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
# (training samples, test samples, shape of an input, outputs with mse)
DATA = [
    Row("data", "disk", "train: 30, test: 20, seed: 1", (30, 20, (2,), 1)),
    Row("data", "annulus", "train: 30, test: 20, seed: 1", (30, 20, (2,), 1)),
    Row("data", "xor", "train: 30, test: 20, seed: 1, noise: 0.1", (30, 20, (2,), 1)),
    Row("data", "spirals", "train: 30, test: 20, seed: 1, classes: 3, turns: 0.5, noise: 0.1",
        (30, 20, (2,), 3)),
    Row("data", "checkerboard", "train: 30, test: 20, seed: 1, cells: 3", (30, 20, (2,), 1)),
    Row("data", "moons", "train: 30, test: 20, seed: 1, noise: 0.2", (30, 20, (2,), 1)),
    Row("data", "circles", "train: 30, test: 20, seed: 1, noise: 0.2, factor: 0.25",
        (30, 20, (2,), 1)),
    Row("data", "blobs", "train: 30, test: 20, seed: 1, classes: 4, std: 2.0", (30, 20, (2,), 4)),
    Row("data", "noisy_sine", "train: 30, test: 20, seed: 1, noise: 0.2", (30, 20, (1,), 1)),
    Row("data", "friedman1", "train: 30, test: 20, seed: 1, noise: 0.2, features: 7",
        (30, 20, (7,), 1)),
    Row("data", "photo_patches", "train: 30, test: 20, size: 8, noise: {type: mask, lost: 0.25}, "
        "target: noisy, gray: true, seed: 1", (30, 20, (1, 8, 8), 64), SMALL_DENOISER),
    Row("data", "shapes", "train: 30, test: 20, size: 8, classes: 5, noise: 0.2, seed: 1",
        (30, 20, (1, 8, 8), 5)),
    Row("data", "iris", "test_fraction: 0.5, standardize: false, seed: 1", (75, 75, (4,), 3)),
    Row("data", "wine", "test_fraction: 0.5, standardize: false, seed: 1", (89, 89, (13,), 3)),
    Row("data", "breast_cancer", "test_fraction: 0.5, standardize: false, seed: 1",
        (285, 284, (30,), 1)),
    Row("data", "digits", "test_fraction: 0.5, standardize: false, images: true, seed: 1",
        (899, 898, (1, 8, 8), 10)),
    Row("data", "diabetes", "test_fraction: 0.5, standardize: false, seed: 1",
        (221, 221, (10,), 1)),
    Row("data", "csv", "path: PATH, target: c, features: [a, b], drop: [d], columns: {b: category},"
        " types: {number: [a]}, test_fraction: 0.25, task: auto, standardize: false, scale: none, "
        "delimiter: ;, decimal: ',', thousands: '.', encoding: utf-8, header: true, skip_rows: 0, "
        "comment: '#', missing_values: ['?'], missing: drop, indicator: false, unknown: other, "
        "rare: {min_count: 2}, max_categories: 2, seed: 1", (15, 5, (4,), 1)),
    Row("data", "arrays", "path: PATH, test_fraction: 0.25, task: regression, standardize: true, "
        "seed: 1", (15, 5, (3,), 1)),
]  # fmt: skip
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
]
NOISES = [  # the std of their noise on a value of 1/4
    Row("noise", "gaussian", "sigma: 0.05", 0.05),
    Row("noise", "poisson", "peak: 100.0", 0.05),
    Row("noise", "mask", "lost: 0.5", 0.125),
]
ALL = [
    *LOSSES, *OPTIMIZERS, *ACTIVATIONS, *LAYERS, *INITS, *SCHEDULES, PLATEAU,
    *MODELS, *DATA, *COLUMNS, *NOISES,
]  # fmt: skip
