"""Networks whose targets are images: what must fit together, and what is warned of."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from minidl.build import prepare
from minidl.errors import ConfigError, MinidlWarning
from minidl.spec import Spec, parse_spec

DATA = "{type: photo_patches, train: 12, test: 6, size: 8}"
SAME = "{type: conv2d, out_channels: 3, padding: same}"


def config(*layers: str, data: str = DATA, loss: str = "mse", more: str = "") -> Spec:
    model = f"{{sequential: [{', '.join(layers)}]}}" if layers else "{type: mlp}"
    return parse_spec(f"data: {data}\nmodel: {model}\nloss: {loss}\n{more}", "c.yaml")


def own_data(folder: Path, low: float, high: float) -> str:
    values = np.linspace(low, high, 10 * 3 * 8 * 8).reshape(10, 3, 8, 8)
    np.savez(folder / "x.npz", input=values, target=values)
    return f"{{type: arrays, path: '{folder / 'x.npz'}'}}"


def complaint(one: Spec) -> str:
    with pytest.raises(ConfigError) as caught:
        prepare(one)
    (problem,) = caught.value.problems
    return str(problem)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            config("{type: conv2d, out_channels: 3, stride: 2, padding: 1}"),
            "c.yaml:2:9: model: the network gives 3×4×4 per sample, but the target is 3×8×8",
        ),
        (
            config("{conv2d: 3}", "flatten", "linear"),
            "model: the network gives 192 per sample, but the target is 3×8×8",
        ),
        (
            config(),
            "c.yaml:2:8: model: an mlp gives a row of numbers, but the target is an image, 3×8×8: "
            "use a sequential model",
        ),
        (
            config(SAME, loss="bce"),
            "c.yaml:3:7: loss: bce needs classes, but the target is an image: use mse",
        ),
        (
            config(SAME, more="training: {early_stopping: {metric: test_r2}}"),
            "this data has no test_r2; there are train_loss, train_psnr, test_loss, test_psnr",
        ),
        (
            config(SAME, "batch_norm", more="training: {batch_size: 1}"),
            "leaves a batch of 1 of the 12 samples, but batch_norm compares samples",
        ),
        (
            config(SAME, "{residual: [batch_norm]}", more="training: {batch_size: 11}"),
            "leaves a batch of 1 of the 12 samples, but batch_norm compares samples",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(one: Spec, said: str) -> None:
    assert said in complaint(one)


def test_psnr_is_no_metric_of_other_tasks() -> None:
    text = "data: iris\nmodel: mlp\nloss: cross_entropy\ntraining: {stop_at: {metric: test_psnr, "
    assert "this data has no test_psnr" in complaint(parse_spec(text + "value: 30}}"))


def test_a_sigmoid_that_can_not_reach_the_targets_is_warned_of(tmp_path: Path) -> None:
    with pytest.warns(MinidlWarning, match=r"^c.yaml:2:9: model: .* reach from -1 to 2\d\d"):
        prepare(config(SAME, "sigmoid", data=own_data(tmp_path, -1, 255)))


@pytest.mark.parametrize("layers", [(SAME,), (SAME, "sigmoid")])
def test_targets_in_reach_and_noisy_ones_are_not(layers: tuple[str, ...], tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare(config(*layers, data=own_data(tmp_path, 0, 1)))
        prepare(config(*layers, data=DATA.replace("}", ", target: noisy}")))


def test_images_that_are_not_from_0_to_1_are_warned_of(tmp_path: Path) -> None:
    with pytest.warns(MinidlWarning, match=r"^c.yaml:1:7: data: .* reach from -1 to 2\d\d.*: psnr"):
        prepare(config(SAME, data=own_data(tmp_path, -1, 255)))
