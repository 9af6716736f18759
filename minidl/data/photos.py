"""Noisy patches of the two photographs that come with scikit-learn: a temple and a flower."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minidl.data.dataset import Dataset, Floats, Split
from minidl.data.noise import noisy_input, noisy_target

if TYPE_CHECKING:
    from minidl.spec.data import PhotoPatchesData

# Of the 640 columns of each photograph, training has those on the left of this one; where there is
# a validation part, the last 128 of these are its own.
FIRST_TEST_COLUMN = 512
FIRST_VALIDATION_COLUMN = 384
LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)


def load_photo_patches(spec: PhotoPatchesData, rng: np.random.Generator) -> Dataset:
    """Draws patches at random places, for each part from a region of its own.

    Inputs are noisy patches (N, C, size, size) with values from 0 to 1. Targets are the clean ones,
    or (`target: noisy`) the same with noise of their own; `clean` has the clean ones then.
    """
    photos = [_channels_first(photo, spec.gray) for photo in _photos()]

    def part(first: int, end: int | None, count: int) -> Split:
        regions = [photo[:, :, first:end] for photo in photos]
        return _spoil(_patches(regions, count, spec.size, rng), spec, rng)

    end = FIRST_VALIDATION_COLUMN if spec.validation else FIRST_TEST_COLUMN
    train, test = part(0, end, spec.train), part(FIRST_TEST_COLUMN, None, spec.test)
    return Dataset(
        train,
        test,
        "images",
        feature_names=("noisy",),
        target_names=("clean",),
        validation=part(end, FIRST_TEST_COLUMN, spec.validation) if spec.validation else None,
    )


def _photos() -> list[Floats]:
    """Both, (427, 640, 3), from 0 to 1."""
    from sklearn.datasets import load_sample_images

    return [photo / 255 for photo in load_sample_images().images]


def _channels_first(photo: Floats, gray: bool) -> Floats:
    if gray:
        photo = (photo @ np.array(LUMINANCE))[:, :, None]
    return photo.transpose(2, 0, 1)


def _patches(regions: list[Floats], count: int, size: int, rng: np.random.Generator) -> Floats:
    """(count, C, size, size), as many of one region as of the other (give or take one)."""
    channels, height, width = regions[0].shape
    rows = rng.integers(height - size + 1, size=count)
    columns = rng.integers(width - size + 1, size=count)
    patches = np.empty((count, channels, size, size))
    for i, (row, column) in enumerate(zip(rows, columns, strict=True)):
        region = regions[i % len(regions)]
        patches[i] = region[:, row : row + size, column : column + size]
    return patches


def _spoil(patches: Floats, spec: PhotoPatchesData, rng: np.random.Generator) -> Split:
    inputs = noisy_input(patches, spec.noise, rng).astype(np.float32)
    clean = patches.astype(np.float32)
    if spec.target == "clean":
        return Split(inputs, clean)
    return Split(inputs, noisy_target(patches, spec.noise, rng).astype(np.float32), clean)
