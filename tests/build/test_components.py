"""Every component of a spec becomes its object, with every option that it has.

A row sets each option of its component; a component or an option without a row fails a test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from trainings import built, data_of, distance, parameters, spec

from minidl import nn, optim
from minidl.build import Experiment
from minidl.data.noise import noisy_input
from minidl.seeds import torch_seed
from minidl.spec import component_groups


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
    Row("schedule", "cosine", "epochs: 2, final: 0.5, warmup: 1", [0.5, 1, 0.75, 0.5, 0.5, 0.5]),
    Row("schedule", "linear", "epochs: 4, final: 0.2, warmup: 1", [0.5, 1, 0.8, 0.6, 0.4, 0.2]),
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
    Row("data", "csv", "path: PATH, target: c, features: [a, b], test_fraction: 0.25, task: auto, "
        "standardize: false, delimiter: ;, missing: drop, seed: 1", (15, 5, (4,), 1)),
    Row("data", "arrays", "path: PATH, test_fraction: 0.25, task: regression, standardize: true, "
        "seed: 1", (15, 5, (3,), 1)),
]  # fmt: skip
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
# Options that concern the whole run rather than the built objects, and options of whole files.
ELSEWHERE = {
    "early_stopping",  # train/test_stopping.py
    "stop_at",
    "checkpoint_every",  # train/test_run_folder.py
    "seed",  # train/test_seeds.py
    "dropout_seed",
    "name",  # test_layers_carry_their_names
    "sha256",  # train/test_run_folder.py
    "test_sha256",
    "test_path",  # data/test_table.py
}
NOISES = [  # the std of their noise on a value of 1/4
    Row("noise", "gaussian", "sigma: 0.05", 0.05),
    Row("noise", "poisson", "peak: 100.0", 0.05),
    Row("noise", "mask", "lost: 0.5", 0.125),
]
ALL = [
    *LOSSES, *OPTIMIZERS, *ACTIVATIONS, *LAYERS, *INITS, *SCHEDULES, PLATEAU,
    *MODELS, *DATA, *NOISES,
]  # fmt: skip


def test_every_component_has_a_row_that_sets_every_option() -> None:
    set_in = {(row.group, row.name): set() for row in ALL}
    for row in ALL:
        set_in[row.group, row.name] |= {
            part.split(":")[0].split()[-1] for part in row.options.split(", ") if ":" in part
        }
    for group in component_groups():
        if group.name in ("training", "report", "figure"):
            continue  # read, not built
        for component in group.components:
            wanted = {option.name for option in component.options} - ELSEWHERE
            assert wanted <= set_in[group.name, component.name], (group.name, component.name)


def test_every_option_of_training_has_a_row() -> None:
    (training,) = (g.components[0] for g in component_groups() if g.name == "training")
    names = {option.name for option in training.options}
    assert names - ELSEWHERE == {row.name for row in TRAINING}


@pytest.mark.parametrize("row", LOSSES, ids=repr)
def test_losses(row: Row) -> None:
    trainer = row.build().trainer
    assert repr(trainer.loss) == repr(row.expected)
    # What is reported is comparable from run to run, whatever training makes small.
    assert trainer.evaluator.loss.reduction == "mean"


@pytest.mark.parametrize("row", OPTIMIZERS, ids=repr)
def test_optimizers(row: Row) -> None:
    optimizer = row.build().trainer.optimizer
    kind, values = row.expected
    assert type(optimizer) is kind
    for name, value in values.items():
        got = optimizer.hyperparameters.get(name)
        assert (getattr(optimizer, name) if got is None else got) == value, name


@pytest.mark.parametrize("row", ACTIVATIONS, ids=repr)
def test_activations_of_an_mlp(row: Row) -> None:
    network = built(
        f"model.activation={row.written}", f"model.output_activation={row.written}"
    ).network
    assert repr(network["act_1"]) == repr(network["act_2"]) == row.expected


@pytest.mark.parametrize("row", LAYERS, ids=repr)
def test_layers_of_a_sequential_model(row: Row) -> None:
    layers = f"[{row.written}, flatten, {{linear: null}}]"
    network = built(
        f"model={{type: sequential, layers: {layers}, init: {{constant: 0.5}}}}", *row.more
    ).network
    assert repr(network[0]) == row.expected
    if "init" in row.options:
        assert not network[0].weight.data.any()  # its own init, not the model's
    assert (network[2].weight.data == 0.5).all()


def test_layers_carry_their_names() -> None:
    first, bend = "{type: linear, out_features: 5, name: first}", "{type: relu, name: bend}"
    layers = f"[{first}, {bend}, {{linear: 4}}, tanh, linear]"
    network = built(f"model={{type: sequential, layers: {layers}}}").network
    names = [name for name, _ in network.named_children()]
    assert names == ["first", "bend", "fc_2", "act_2", "fc_3"]


@pytest.mark.parametrize("row", INITS, ids=repr)
def test_initialisers(row: Row) -> None:
    network = built(f"model.init={row.written}", "seed=3").network
    expected = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    expected.initialize(row.expected, seed=torch_seed(3, "init"))
    for got, wanted in zip(network.parameters(), expected.parameters(), strict=True):
        assert torch.equal(got.data, wanted.data)


def rates(experiment: Experiment) -> list[float]:
    return [epoch.lr[0] for epoch in experiment.trainer]


@pytest.mark.parametrize("row", SCHEDULES, ids=repr)
def test_schedules(row: Row) -> None:
    experiment = built(f"schedule={row.written}", "optimizer.lr=1", "training.epochs=6")
    assert rates(experiment) == pytest.approx(row.expected, rel=1e-12)


@pytest.mark.parametrize("kind", ["cosine", "linear"])
def test_a_falling_schedule_without_epochs_ends_with_the_training(kind: str) -> None:
    experiment = built(
        f"schedule={{type: {kind}, warmup: 2}}", "optimizer.lr=1", "training.epochs=6"
    )
    got = rates(experiment)
    assert got[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    assert got[2:] == sorted(got[2:], reverse=True)
    assert 0 < got[-1] < 0.3  # 0 would be reached by the epoch after the last


def test_a_plateau_watches_its_metric() -> None:
    plateau = PLATEAU.build().trainer.plateau
    assert plateau is not None
    assert {name: getattr(plateau, name) for name in PLATEAU.expected} == PLATEAU.expected
    assert plateau.lrs == [0.1]


@pytest.mark.parametrize("row", MODELS, ids=repr)
def test_models(row: Row) -> None:
    experiment = built(f"model={row.written}")
    assert [repr(layer) for layer in experiment.network] == row.expected
    assert not parameters(experiment).any()  # init: zeros
    drawn = f"model={row.written.replace('zeros', 'uniform')}"
    assert parameters(built(drawn)).any()
    assert torch.equal(parameters(built(drawn, "seed=9")), parameters(built(drawn)))  # seed: 3


def test_an_image_is_flattened_for_an_mlp(tmp_path: Path) -> None:
    path = tmp_path / "images.npz"
    np.savez(path, input=np.zeros((20, 4, 3)), target=np.arange(20) % 2)
    network = built(f"data={{type: arrays, path: {path}}}").network
    assert [repr(layer) for layer in network][:2] == ["Flatten()", "Linear(12, 8)"]


@pytest.mark.parametrize("row", DATA, ids=repr)
def test_data(row: Row, tmp_path: Path) -> None:
    path = write_file(row.name, tmp_path)
    written = row.written.replace("PATH", str(path)).replace(": ;", ": ';'")
    changes = (f"data={written}", "training.epochs=1", "optimizer.lr=1e-6", *row.more)
    data = data_of(spec(*changes))
    experiment = built(*changes)
    train, test, shape, outputs = row.expected
    assert (len(data.train), len(data.test), data.input_shape) == (train, test, shape)
    assert experiment.encoding.outputs == outputs
    assert all(all(epoch.finite) for epoch in experiment.trainer)


@pytest.mark.parametrize("row", NOISES, ids=repr)
def test_noises(row: Row) -> None:
    one = spec(f"data={{type: photo_patches, noise: {row.written}}}", *SMALL_DENOISER)
    spoiled = noisy_input(np.full((8, 3, 32, 32), 0.25), one.data.noise, np.random.default_rng(0))
    assert spoiled.std() == pytest.approx(row.expected, rel=0.05)


def write_file(kind: str, folder: Path) -> Path:
    """20 samples (and a row to be dropped) for the kinds of data that come from files."""
    if kind == "csv":
        path = folder / "table.csv"
        lines = [f"{i};{'xyz'[i % 3]};{'no' if i % 2 else 'yes'};unused" for i in range(20)]
        path.write_text("\n".join(["a;b;c;d", *lines, ";x;no;unused"]) + "\n")
        return path
    path = folder / "arrays.npz"
    rng = np.random.default_rng(0)
    np.savez(path, input=rng.normal(size=(20, 3)), target=np.arange(20.0))
    return path


@pytest.mark.parametrize("row", TRAINING, ids=repr)
def test_training(row: Row) -> None:
    holds: Callable[[Any], bool] = row.expected
    assert holds(built(f"training.{row.name}={row.options}").trainer)
    assert not holds(built().trainer)


@pytest.mark.parametrize(
    ("overrides", "form", "outputs"),
    [
        (["loss=mse"], "column", 1),
        (["loss=mse", "model.outputs=2"], "one_hot", 2),
        (["loss=bce", "model.output_activation=sigmoid"], "column", 1),
        (["loss=bce_with_logits"], "column", 1),
        (["loss=cross_entropy"], "index", 2),
        (["loss=mse", "data=iris"], "one_hot", 3),
        (["loss=cross_entropy", "data=iris"], "index", 3),
        (["loss=mse", "data=noisy_sine"], "values", 1),
    ],
)
def test_labels_become_what_the_loss_needs(overrides: list[str], form: str, outputs: int) -> None:
    experiment = built(*overrides)
    targets, labels = (
        getattr(experiment.trainer.parts["train"], name) for name in ("targets", "labels")
    )
    encoding = experiment.encoding
    assert (encoding.form, encoding.outputs) == (form, outputs)
    if form == "column":
        assert torch.equal(targets, labels.unsqueeze(1).float())
        at = 0.0 if "loss=bce_with_logits" in overrides else 0.5
        assert encoding.decision() == {"kind": "threshold", "at": at}
    elif form == "one_hot":
        assert torch.equal(targets, torch.eye(outputs)[labels])
        assert encoding.decision() == {"kind": "argmax"}
    elif form == "index":
        assert targets.dtype == torch.int64
        assert torch.equal(targets, labels)
        assert encoding.decision() == {"kind": "argmax"}
    else:
        assert targets.shape[1] == outputs
        assert encoding.decision() is None


def test_float64_reaches_data_weights_and_loss() -> None:
    experiment = built("training.dtype=float64")
    (epoch, *_) = list(experiment.trainer)
    part = experiment.trainer.parts["test"]
    assert part.inputs.dtype == part.targets.dtype == parameters(experiment).dtype == torch.float64
    assert epoch.metrics["test_loss"][0] != float(
        torch.tensor(epoch.metrics["test_loss"][0]).float()
    )
    raw = torch.from_numpy(data_of(spec("training.dtype=float64")).test.inputs)
    assert distance(part.inputs, raw) == 0
