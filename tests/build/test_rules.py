"""What loss, data, network and metrics demand of each other: each broken rule names its place."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from trainings import spec

from minidl.build import build, prepare
from minidl.data import Dataset, Split
from minidl.errors import ConfigError, MinidlWarning
from minidl.spec import Spec, parse_spec

MLP = "{type: mlp, hidden: [4]}"


def complaint(one: Spec) -> str:
    """What building says of a spec that the schema lets pass."""
    with pytest.raises(ConfigError) as caught:
        prepare(one)
    assert caught.value.exit_code == 2
    (problem,) = caught.value.problems
    return str(problem)


def config(data: str, model: str, *lines: str) -> Spec:
    return parse_spec("\n".join([f"data: {data}", f"model: {model}", *lines]), "c.yaml")


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            config("iris", MLP, "loss: bce_with_logits"),
            "c.yaml:3:7: loss: bce_with_logits needs 2 classes, but the data has 3 "
            "(setosa, versicolor, virginica): use cross_entropy",
        ),
        (
            config("digits", MLP, "seed: 1", "loss: {type: bce}"),
            "c.yaml:4:7: loss: bce needs 2 classes, but the data has 10 (0, 1, 2, 3, 4, …): "
            "use cross_entropy",
        ),
        (
            config("noisy_sine", MLP, "loss: cross_entropy"),
            "c.yaml:3:7: loss: cross_entropy needs classes, but the target is a number: use mse",
        ),
        (
            config("diabetes", MLP, "loss: bce"),
            "c.yaml:3:7: loss: bce needs classes, but the target is a number: use mse",
        ),
        (
            config("disk", MLP, "loss: bce"),
            "c.yaml:3:7: loss: bce needs probabilities: end the network with a sigmoid "
            "(model.output_activation: sigmoid), or use bce_with_logits",
        ),
        (
            config("disk", "{type: sequential, layers: [linear, sigmoid, relu]}", "loss: bce"),
            "c.yaml:3:7: loss: bce needs probabilities: end the network with a sigmoid, or use "
            "bce_with_logits",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_loss_that_does_not_suit_the_data(one: Spec, said: str) -> None:
    assert complaint(one) == said


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            config("iris", "{type: mlp, hidden: [4], outputs: 2}", "loss: cross_entropy"),
            "c.yaml:2:42: model.outputs: cross_entropy on this data needs 3 outputs, but got 2",
        ),
        (
            config("disk", "{type: mlp, outputs: 3}", "loss: mse"),
            "c.yaml:2:29: model.outputs: mse on this data needs 2 outputs, but got 3",
        ),
        (
            config("disk", "{type: mlp, outputs: 2}", "loss: bce_with_logits"),
            "c.yaml:2:29: model.outputs: bce_with_logits on this data needs 1 output, but got 2",
        ),
        (
            config("noisy_sine", "{type: mlp, outputs: 2}"),
            "c.yaml:2:29: model.outputs: mse on this data needs 1 output, but got 2",
        ),
        (
            config("wine", "{type: sequential, layers: [{linear: 5}, relu, {linear: 4}]}"),
            "c.yaml:2:64: model.layers[2].out_features: mse on this data needs 3 outputs, "
            "but got 4",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_number_of_outputs(one: Spec, said: str) -> None:
    assert complaint(one) == said


UPSAMPLE = "{type: upsample, scale_factor: 100}"


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            config("disk", "{mlp: [100000, 100000]}"),
            "c.yaml:2:9: model: makes 10,000,200,000 parameters, more than the 100,000,000 that",
        ),
        (
            config(
                "digits",
                "{type: sequential, layers: [flatten, {linear: 100000}, {linear: 100000}, linear]}",
                "loss: cross_entropy",
            ),
            "c.yaml:2:64: model.layers[2]: makes 10,006,400,000 parameters, more than the",
        ),
        (
            config(
                "shapes",
                f"{{type: sequential, layers: [{UPSAMPLE}, {UPSAMPLE}, flatten, linear]}}",
                "loss: cross_entropy",
            ),
            "c.yaml:2:73: model.layers[1]: gives 1×160000×160000 numbers per sample, too many",
        ),
        (
            config("{type: blobs, train: 140000, classes: 1000}", MLP, "loss: mse"),
            "c.yaml:3:7: loss: mse turns each class into 1000 numbers: too many for this data",
        ),
        (
            config("{type: spirals, turns: 1e308, train: 9, test: 9}", MLP),
            "c.yaml:1:7: data: holds numbers from nan to nan, which training.dtype can't hold",
        ),
        (
            config("{type: xor, noise: 1e200, train: 9, test: 9}", MLP),
            "c.yaml:1:7: data: holds numbers from -",
        ),
    ],
)
def test_what_would_fill_the_memory_or_leave_no_number(one: Spec, said: str) -> None:
    assert complaint(one).startswith(said)


@pytest.mark.parametrize("layers", ["[relu]", "[flatten]", "[{dropout: 0.2}]"])
def test_a_network_without_weights_has_nothing_to_train(layers: str) -> None:
    one = config("disk", f"{{type: sequential, layers: {layers}}}", "loss: cross_entropy")
    assert complaint(one) == (
        "c.yaml:2:35: model.layers: there is nothing to train: put a linear layer among them"
    )


def test_a_linear_layer_wants_rows_not_images(tmp_path: Path) -> None:
    path = tmp_path / "images.npz"
    np.savez(path, input=np.zeros((20, 4, 3)), target=np.arange(20) % 2)
    data = f"{{type: arrays, path: {path}}}"
    said = complaint(config(data, "{type: sequential, layers: [relu, linear]}"))
    assert said == (
        "c.yaml:2:42: model.layers[1]: linear takes one row of numbers per sample, but gets 4×3: "
        "put a flatten layer before it"
    )
    prepare(config(data, "{type: sequential, layers: [flatten, linear]}"))


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("schedule.metric", "schedule: {type: plateau, metric: test_r2}"),
        ("training.early_stopping.metric", "training: {early_stopping: {metric: test_r2}}"),
        ("training.stop_at.metric", "training: {stop_at: {metric: test_r2, value: 1}}"),
    ],
)
def test_a_metric_of_the_other_task(key: str, line: str) -> None:
    column = line.index("test_r2") + 1
    assert complaint(config("disk", MLP, line)) == (
        f"c.yaml:3:{column}: {key}: this data has no test_r2; there are train_loss, "
        "train_accuracy, test_loss, test_accuracy"
    )
    said = complaint(config("noisy_sine", MLP, line.replace("r2", "accuracy")))
    assert "this data has no test_accuracy; there are train_loss, train_mse, train_mae, " in said


@pytest.mark.parametrize(
    ("data", "metric", "said"),
    [
        ("iris", "recall", "is of the second of two classes, but there are 3: use recall_macro"),
        ("disk", "ece", "needs probabilities, which this loss doesn't train: use cross_entropy"),
        ("disk", "rmse", "is of numbers, but the target is a class"),
        (
            "noisy_sine",
            "f1_macro",
            "is of classes, but the target is a number: there are rmse, median_error",
        ),
        (
            "{type: photo_patches, train: 4, test: 2, size: 8}",
            "rmse",
            "isn't measured of images, which have psnr",
        ),
    ],
)
def test_a_metric_to_measure_that_does_not_fit_the_task(data: str, metric: str, said: str) -> None:
    model = "{sequential: [{conv2d: 1}]}" if "patches" in data else MLP
    line = f"training: {{metrics: [{metric}]}}"
    column = line.index("[") + 2
    place = f"c.yaml:3:{column}: training.metrics[0]"
    assert complaint(config(data, model, line)) == f"{place}: {metric} {said}"


def test_a_metric_that_is_not_measured_can_be_asked_for() -> None:
    line = "training: {stop_at: {metric: test_f1_macro, value: 1}, metrics: [roc_auc]}"
    said = complaint(config("disk", MLP, line))
    assert said.endswith("test_roc_auc; training.metrics: [f1_macro] measures it")
    prepare(config("disk", MLP, line.replace("roc_auc", "f1_macro")))


def test_dropping_the_only_batch_leaves_nothing() -> None:
    one = config("{type: disk, train: 20}", MLP, "training: {batch_size: 32, drop_last: true}")
    assert complaint(one) == (
        "c.yaml:3:39: training.drop_last: leaves no batch: 32 is more than the 20 samples"
    )


def test_an_override_is_named_as_the_place() -> None:
    assert complaint(spec("loss=bce")).startswith("command line: loss: bce needs probabilities")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_named() -> None:
    said = complaint(config("disk", MLP, "device: cuda"))
    assert said == "c.yaml:3:9: device: torch finds no CUDA device here: use cpu or auto"


def test_a_spec_made_in_python_has_keys_without_places() -> None:
    one = Spec.model_validate(
        {"name": "x", "data": {"type": "disk"}, "model": {"type": "mlp"}, "loss": {"type": "bce"}}
    )
    assert complaint(one).startswith("loss: bce needs probabilities")


def test_build_takes_any_data_set() -> None:
    """The library's way, without files or specs of data."""
    inputs = np.random.default_rng(0).normal(size=(12, 5))
    split = Split(inputs, (inputs[:, 0] > 0).astype(np.int64))
    data = Dataset(split, split, "classification", (), class_names=("no", "yes"))
    experiment = build(spec("loss=cross_entropy"), data)
    assert [epoch.number for epoch in experiment.trainer] == [1, 2, 3]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            config("iris", "{type: mlp, output_activation: softmax}", "loss: cross_entropy"),
            "c.yaml:2:39: model.output_activation: cross_entropy applies softmax itself to numbers "
            "of any size, but the network ends with a softmax",
        ),
        (
            config("iris", "{sequential: [linear, sigmoid, dropout]}", "loss: cross_entropy"),
            "c.yaml:2:9: model: cross_entropy applies softmax itself",
        ),
        (
            config("disk", "{type: mlp, output_activation: sigmoid}", "loss: bce_with_logits"),
            "model.output_activation: bce_with_logits applies sigmoid itself",
        ),
        (
            config("disk", "{type: mlp, output_activation: tanh}", "loss: bce_with_logits"),
            "ends with a tanh, which leaves no probability near 1: leave it out",
        ),
        (
            config("disk", "{type: mlp, output_activation: relu}", "loss: bce_with_logits"),
            "ends with a relu, which leaves no probability below 0.5: leave it out",
        ),
        (
            config("iris", "{type: mlp, output_activation: relu}", "loss: cross_entropy"),
            "ends with a relu, which leaves no score below 0: leave it out",
        ),
    ],
)
def test_an_activation_that_the_loss_has_already_is_warned_of(one: Spec, said: str) -> None:
    with pytest.warns(MinidlWarning, match=re.escape(said)):
        prepare(one)


@pytest.mark.parametrize("last", ["relu", "tanh", "sigmoid", "softmax"])
def test_a_last_layer_that_cannot_reach_standardized_targets_is_warned_of(last: str) -> None:
    one = config("diabetes", f"{{type: mlp, output_activation: {last}}}", "loss: mse")
    said = (
        f"c.yaml:2:39: model.output_activation: the network ends with a {last}, but the"
        " standardized targets reach from -"
    )
    with pytest.warns(MinidlWarning, match=f"^{re.escape(said)}.*: leave the {last} out$"):
        prepare(one)
    prepare(config("diabetes", "{type: mlp, output_activation: leaky_relu}", "loss: mse"))


def test_a_relu_may_end_a_network_whose_targets_it_reaches(tmp_path: Path) -> None:
    path = tmp_path / "counts.npz"
    np.savez(path, input=np.arange(20.0)[:, None], target=np.arange(20.0) / 2)
    data = f"{{type: arrays, path: {path}, task: regression}}"
    prepare(config(data, "{type: mlp, output_activation: relu}", "loss: mse"))


def test_one_sample_is_not_compared_with_itself() -> None:
    model = "{sequential: [{linear: 4}, batch_norm, linear]}"
    training = "training: {batch_size: 10, evaluate_in: train}"
    said = (
        "c.yaml:3:41: training.evaluate_in: train: batch_norm compares samples, but the test part"
    )
    assert said in complaint(config("{type: moons, train: 40, test: 1}", model, training))
    prepare(config("{type: moons, train: 40, test: 1}", "mlp", training))
    prepare(config("{type: moons, train: 40, test: 2}", model, training))
