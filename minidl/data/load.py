"""From the `data` part of a spec to a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minidl.data.arrays import load_arrays
from minidl.data.bundled import TARGETS, load_bundled
from minidl.data.dataset import Dataset
from minidl.data.photos import load_photo_patches
from minidl.data.shapes import load_shapes
from minidl.data.table import load_csv
from minidl.data.toy import load_toy

if TYPE_CHECKING:
    from minidl.spec.data import AnyData


def load_dataset(data_spec: AnyData, rng: np.random.Generator, *, single: bool = False) -> Dataset:
    """Draws or reads the data that `data_spec` (one of `minidl.spec`'s data classes) describes.

    All randomness (points, the split) comes from `rng`: the same state gives the same bits.
    single: whether inputs are needed in float32 only; those of a table that becomes very wide have
    that then, since training takes them as they lie.
    `standardize` concerns the targets of a regression too. Raises DataError for a file that can't
    be read or used.
    """
    dataset = _load(data_spec, rng, single)
    if dataset.task == "regression" and getattr(data_spec, "standardize", False):
        return dataset.with_scaled_targets()
    return dataset


def _load(data_spec: AnyData, rng: np.random.Generator, single: bool) -> Dataset:
    if data_spec.type == "csv":
        return load_csv(data_spec, rng, single=single)
    if data_spec.type == "arrays":
        return load_arrays(data_spec, rng)
    if data_spec.type == "photo_patches":
        return load_photo_patches(data_spec, rng)
    if data_spec.type == "shapes":
        return load_shapes(data_spec, rng)
    if data_spec.type in TARGETS:
        return load_bundled(data_spec, rng)
    return load_toy(data_spec, rng)
