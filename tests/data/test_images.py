"""Images that are drawn: noisy patches of photographs, and shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minidl.data import Dataset, load_dataset
from minidl.data.noise import noisy_input, noisy_target
from minidl.data.photos import FIRST_TEST_COLUMN
from minidl.data.shapes import SHAPES
from minidl.errors import ConfigError
from minidl.spec import parse_spec
from minidl.spec.data import PhotoPatchesData, ShapesData
from minidl.spec.noise import AnyNoise, GaussianNoise, MaskNoise, PoissonNoise

NOISES: list[AnyNoise] = [GaussianNoise(), PoissonNoise(), MaskNoise()]


def patches(seed: int = 0, **options: Any) -> Dataset:
    spec = PhotoPatchesData(**{"train": 60, "test": 40, "size": 16, **options})
    return load_dataset(spec, np.random.default_rng(seed))


def shapes(seed: int = 0, **options: Any) -> Dataset:
    spec = ShapesData(**{"train": 60, "test": 40, **options})
    return load_dataset(spec, np.random.default_rng(seed))


def mean_psnr(images: np.ndarray, clean: np.ndarray) -> float:
    return float(np.mean(-10 * np.log10(((images - clean) ** 2).mean(axis=(1, 2, 3)))))


# Photographs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("gray", [False, True])
def test_patches_are_images_from_0_to_1(gray: bool) -> None:
    data = patches(gray=gray)
    shape = (1 if gray else 3, 16, 16)
    assert data.task == "images"
    assert data.input_shape == shape
    assert data.train.targets.shape == (60, *shape)
    assert (len(data.train), len(data.test)) == (60, 40)
    for split in (data.train, data.test):
        for part in (split.inputs, split.targets):
            assert part.dtype == np.float32
            assert 0 <= part.min() < 0.1 < 0.9 < part.max() <= 1
        assert split.clean is None
        assert split.truth is split.targets


def test_train_and_test_come_from_regions_without_a_common_pixel() -> None:
    """Every clean patch lies in its own region of one of the two photographs, and not beyond."""
    from sklearn.datasets import load_sample_images

    photos = [(x / 255).astype(np.float32).transpose(2, 0, 1) for x in load_sample_images().images]
    regions = {
        "train": [photo[:, :, :FIRST_TEST_COLUMN] for photo in photos],
        "test": [photo[:, :, FIRST_TEST_COLUMN:] for photo in photos],
    }
    data = patches(train=6, test=6)
    for part, split in (("train", data.train), ("test", data.test)):
        for index, patch in enumerate(split.targets):
            assert _holds(regions[part][index % 2], patch)
            other = regions["test" if part == "train" else "train"][index % 2]
            assert not _holds(other, patch)


def _holds(region: np.ndarray, patch: np.ndarray) -> bool:
    starts = np.argwhere((region[:, :, :] == patch[:, :1, :1]).all(axis=0))
    return any(
        np.array_equal(region[:, row : row + 16, column : column + 16], patch)
        for row, column in starts
    )


def test_the_same_generator_gives_the_same_bits() -> None:
    first, again, other = patches(), patches(), patches(seed=1)
    np.testing.assert_array_equal(first.train.inputs, again.train.inputs)
    np.testing.assert_array_equal(first.test.targets, again.test.targets)
    assert not np.array_equal(first.train.targets, other.train.targets)


def test_gaussian_noise_of_a_fifth_leaves_15_7_db() -> None:
    data = patches(size=32, test=400)
    assert mean_psnr(data.test.inputs, data.test.truth) == pytest.approx(15.7, abs=0.2)


@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.type)
def test_noisy_targets_have_noise_of_their_own_and_are_measured_on_clean_ones(
    noise: AnyNoise,
) -> None:
    data = patches(noise=noise, target="noisy")
    for split in (data.train, data.test):
        assert split.clean is not None
        assert split.truth is split.clean
        difference, other = split.inputs - split.clean, split.targets - split.clean
        inside = (split.clean > 0.3) & (split.clean < 0.5)  # hardly cut off by 0 and 1
        correlation = np.corrcoef(difference[inside], other[inside])[0, 1]
        assert abs(correlation) < 0.1
    np.testing.assert_array_equal(data.train.truth, patches(noise=noise).train.targets)
    kept = data.train.take(np.array([3, 1]))
    np.testing.assert_array_equal(kept.truth, data.train.truth[[3, 1]])


@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.type)
def test_the_mean_of_noisy_targets_is_the_clean_image(noise: AnyNoise) -> None:
    clean = np.linspace(0, 1, 12).reshape(1, 3, 2, 2)
    rng = np.random.default_rng(0)
    mean = np.mean([noisy_target(clean, noise, rng) for _ in range(20_000)], axis=0)
    # Standard deviations are at most 1 (a mask of half the pixels), so errors about 1/141.
    np.testing.assert_allclose(mean, clean, atol=0.03)


def test_noise_is_what_it_says() -> None:
    clean = np.full((50, 3, 16, 16), 0.5)
    rng = np.random.default_rng(0)
    assert noisy_input(clean, GaussianNoise(sigma=0.05), rng).std() == pytest.approx(0.05, rel=0.02)
    counts = noisy_input(clean, PoissonNoise(peak=100), rng) * 100
    np.testing.assert_allclose(counts, counts.round(), atol=1e-9)
    assert counts.var() == pytest.approx(50, rel=0.05)  # of a Poisson count: its mean
    masked = noisy_input(clean, MaskNoise(lost=0.25), rng)
    assert set(np.unique(masked)) == {0.0, 0.5}
    assert (masked == 0).mean() == pytest.approx(0.25, abs=0.02)
    assert np.array_equal(masked[:, 0], masked[:, 2])  # a pixel loses all of its channels


# Shapes ----------------------------------------------------------------------------------------


def test_shapes_are_classes_of_images() -> None:
    data = shapes(classes=6, size=24)
    assert data.task == "classification"
    assert data.input_shape == (1, 24, 24)
    assert data.class_names == tuple(SHAPES)
    assert np.bincount(data.train.targets).tolist() == [10] * 6
    again = shapes(classes=6, size=24)
    np.testing.assert_array_equal(data.train.inputs, again.train.inputs)


def test_without_noise_shapes_lie_inside_the_image_and_differ_in_area() -> None:
    data = shapes(train=300, classes=6, size=32, noise=0)
    images = data.train.inputs[:, 0]
    assert 0 <= images.min() < images.max() <= 1
    edges = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    ground = np.median(edges, axis=1)
    cover = (images - ground[:, None, None]).clip(0) / (images.max((1, 2)) - ground)[:, None, None]
    extent = (cover > 0.5).any(axis=2).sum(axis=1)
    fill = (cover > 0.5).sum(axis=(1, 2)) / extent**2
    mean_fill = [fill[data.train.targets == label].mean() for label in range(6)]
    assert mean_fill[0] == pytest.approx(np.pi / 4, abs=0.05)  # a disk in its square
    assert mean_fill[4] < mean_fill[0]  # a ring has a hole


# What the schema refuses -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("{type: photo_patches, size: 200}", "data.size: expected an integer ≥ 8 and ≤ 128"),
        ("{type: photo_patches, noise: {gaussian: 0}}", "data.noise.sigma: expected a number > 0"),
        (
            "{type: photo_patches, noise: salt}",
            "expected a kind of noise (gaussian, poisson, mask)",
        ),
        ("{type: photo_patches, target: noise}", "data.target: expected one of clean, noisy"),
        ("{type: photo_patches, train: 100000}", "so many images of 32×32 fill 2 GiB: take fewer"),
        ("{type: shapes, classes: 7}", "data.classes: expected an integer ≥ 2 and ≤ 6"),
        ("{type: arrays, path: x.csv}", "expected a file .npz, .safetensors, .pt, .pth, .pkl"),
    ],
)
def test_options_that_make_no_images(data: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_spec(f"data: {data}\nmodel: mlp\n", folder=tmp_path)
    assert said in str(caught.value)
