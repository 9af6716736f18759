"""Noise on images whose values reach from 0 to 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minidl.data.dataset import Floats

if TYPE_CHECKING:
    from minidl.spec.noise import AnyNoise


def noisy_input(images: Floats, noise: AnyNoise, rng: np.random.Generator) -> Floats:
    """Spoiled images (N, C, H, W) as a file would hold them: cut off at 0 and 1."""
    return np.clip(_spoiled(images, noise, rng), 0.0, 1.0)


def noisy_target(images: Floats, noise: AnyNoise, rng: np.random.Generator) -> Floats:
    """Spoiled images whose mean over the noise is the clean image: what noise-to-noise needs.

    So nothing is cut off, and the pixels that a mask leaves are 1 / (1 − lost) as bright.
    (Lehtinen et al. 2018)
    """
    spoiled = _spoiled(images, noise, rng)
    return spoiled / (1 - noise.lost) if noise.type == "mask" else spoiled


def _spoiled(images: Floats, noise: AnyNoise, rng: np.random.Generator) -> Floats:
    if noise.type == "gaussian":
        return images + rng.normal(scale=noise.sigma, size=images.shape)
    if noise.type == "poisson":
        return rng.poisson(images * noise.peak) / noise.peak
    kept = rng.random((len(images), 1, *images.shape[2:])) >= noise.lost
    return images * kept
