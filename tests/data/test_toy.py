"""Toy tasks: the rules of their classes, their shapes, their randomness."""

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from minidl.data import Dataset, load_dataset, true_classes
from minidl.spec.data import AnyData, Data

OPTIONS: dict[str, dict[str, Any]] = {
    "disk": {},
    "annulus": {},
    "xor": {"noise": 0.0},
    "checkerboard": {"cells": 4},
    "spirals": {"classes": 3, "turns": 1.0, "noise": 0.02},
    "moons": {"noise": 0.1},
    "circles": {"noise": 0.05, "factor": 0.5},
    "blobs": {"classes": 4, "std": 1.0},
    "noisy_sine": {"noise": 0.1},
    "friedman1": {"noise": 1.0, "features": 7},
}
CLASSES = {"spirals": 3, "blobs": 4, "noisy_sine": 0, "friedman1": 0}
RULED = ("disk", "annulus", "xor", "checkerboard")


def spec(kind: str, train: int = 40, test: int = 30, **changes: Any) -> AnyData:
    values = {"type": kind, "train": train, "test": test} | OPTIONS[kind] | changes
    return TypeAdapter[AnyData](Data).validate_python(values)


def load(kind: str, seed: int = 0, **changes: Any) -> Dataset:
    return load_dataset(spec(kind, **changes), np.random.default_rng(seed))


@pytest.mark.parametrize("kind", OPTIONS)
def test_shapes_types_and_names_fit_each_other(kind: str) -> None:
    data = load(kind)
    width = {"noisy_sine": 1, "friedman1": 7}.get(kind, 2)
    assert data.input_shape == (width,)
    assert len(data.train) == 40
    assert len(data.test) == 30
    assert len(data.feature_names) == width
    assert data.classes == CLASSES.get(kind, 2)
    for split in (data.train, data.test):
        assert split.inputs.dtype == np.float64
        if data.task == "classification":
            assert split.targets.dtype == np.int64
            assert split.targets.shape == (len(split),)
            assert set(split.targets) == set(range(data.classes))
        else:
            assert split.targets.dtype == np.float64
            assert split.targets.shape == (len(split), 1)


@pytest.mark.parametrize("kind", OPTIONS)
def test_the_same_generator_state_gives_the_same_bits(kind: str) -> None:
    first, again, other = load(kind, seed=3), load(kind, seed=3), load(kind, seed=4)
    for part in ("train", "test"):
        np.testing.assert_array_equal(getattr(first, part).inputs, getattr(again, part).inputs)
        np.testing.assert_array_equal(getattr(first, part).targets, getattr(again, part).targets)
    assert not np.array_equal(first.train.inputs, other.train.inputs)


@pytest.mark.parametrize("kind", OPTIONS)
def test_training_points_are_drawn_first_and_test_points_are_others(kind: str) -> None:
    short, long = load(kind, test=1), load(kind, test=40)
    np.testing.assert_array_equal(short.train.inputs, long.train.inputs)
    assert not np.array_equal(long.train.inputs, long.test.inputs)


@pytest.mark.parametrize("kind", OPTIONS)
def test_one_point_in_each_part_is_enough(kind: str) -> None:
    data = load(kind, train=1, test=1)
    assert len(data.train) == len(data.test) == 1


def test_the_disk_has_area_one_half_around_the_middle_of_the_unit_square() -> None:
    data = load("disk", train=40_000)
    assert data.class_names == ("outside", "inside")
    # five standard deviations of the mean of 40,000 fair coins
    assert data.train.targets.mean() == pytest.approx(0.5, abs=5 * 0.5 / 200)
    radius = 1 / np.sqrt(2 * np.pi)
    edge = np.array([[0.5 + 0.999 * radius, 0.5], [0.5, 0.5 - 1.001 * radius]])
    assert true_classes(spec("disk"), edge).tolist() == [1, 0]  # type: ignore[union-attr]


def test_the_annulus_is_class_0_between_the_two_radii_from_the_origin() -> None:
    inner = 1 / np.sqrt(2 * np.pi)
    points = np.array([[0.99 * inner, 0], [1.01 * inner, 0], [0, 0.99], [0, 1.0], [0.8, 0.8]])
    assert true_classes(spec("annulus"), points).tolist() == [1, 0, 0, 1, 1]  # type: ignore[union-attr]
    share = 1 - load("annulus", train=40_000).train.targets.mean()
    assert share == pytest.approx(np.pi / 4 - 1 / 8, abs=5 * 0.5 / 200)  # the report's 66 %


def test_xor_is_the_sign_of_the_product() -> None:
    data = load("xor")
    np.testing.assert_array_equal(data.train.targets, data.train.inputs.prod(axis=1) < 0)


def test_the_checkerboard_changes_colour_from_cell_to_cell() -> None:
    middles = np.linspace(-0.75, 0.75, 4)
    row = np.column_stack([middles, np.full(4, -0.75)])
    assert true_classes(spec("checkerboard"), row).tolist() == [0, 1, 0, 1]  # type: ignore[union-attr]
    column = row[:, ::-1]
    assert true_classes(spec("checkerboard"), column).tolist() == [0, 1, 0, 1]  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", RULED)
def test_the_drawn_classes_are_the_true_classes(kind: str) -> None:
    train = load(kind).train
    expected = true_classes(spec(kind), train.inputs)
    assert expected is not None
    assert expected.dtype == np.int64
    np.testing.assert_array_equal(train.targets, expected)


@pytest.mark.parametrize("kind", sorted(set(OPTIONS) - set(RULED)))
def test_other_tasks_have_no_true_class_at_a_point(kind: str) -> None:
    assert true_classes(spec(kind), np.zeros((1, 2))) is None


def test_noise_moves_xor_points_over_the_border_so_that_no_class_is_certain() -> None:
    train = load("xor", train=1000, noise=0.3).train
    assert 0 < np.mean(train.targets != (train.inputs.prod(axis=1) < 0)) < 0.5
    assert true_classes(spec("xor", noise=0.3), train.inputs) is None


def test_spirals_without_noise_lie_on_their_arms() -> None:
    train = load("spirals", train=300, noise=0.0).train
    radius = np.linalg.norm(train.inputs, axis=1)
    angle = np.arctan2(train.inputs[:, 1], train.inputs[:, 0])
    arm = (angle / (2 * np.pi) - radius) % 1 * 3
    np.testing.assert_allclose(np.round(arm) % 3, train.targets)
    np.testing.assert_allclose(arm, np.round(arm), atol=1e-9)
    assert np.bincount(train.targets).tolist() == [100, 100, 100]


def test_blobs_stand_on_a_circle_that_train_and_test_share() -> None:
    data = load("blobs", train=4000, test=4000, classes=4, std=0.5)
    for split in (data.train, data.test):
        middle = split.inputs[split.targets == 1].mean(axis=0)
        np.testing.assert_allclose(middle, [0, 5], atol=5 * 0.5 / np.sqrt(1000))


def test_the_sine_without_noise_is_a_sine() -> None:
    train = load("noisy_sine", noise=0.0).train
    np.testing.assert_array_equal(train.targets, np.sin(2 * np.pi * train.inputs))


def test_toy_inputs_reach_the_network_as_they_are_so_that_rows_of_a_file_do_too() -> None:
    data = load("disk")
    assert data.preprocessing is not None
    assert data.feature_names == ("x1", "x2")
    raw = data.train.inputs
    np.testing.assert_array_equal(data.preprocessing.to_inputs(raw), raw)
    np.testing.assert_array_equal(data.preprocessing.to_raw(raw), raw)
