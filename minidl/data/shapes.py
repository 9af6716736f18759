"""Drawn shapes of random size, place, turn and brightness: a class of images each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl.data.dataset import Dataset, Floats, Split

if TYPE_CHECKING:
    from minidl.spec.data import ShapesData

# How far a point (x, y) lies outside a shape of radius 1 (negative inside); arrays of one shape.
Distance = Callable[[Floats, Floats], Any]


def _disk(x: Floats, y: Floats) -> Any:
    return np.hypot(x, y) - 0.9


def _square(x: Floats, y: Floats) -> Any:
    return np.maximum(abs(x), abs(y)) - 0.75


def _triangle(x: Floats, y: Floats) -> Any:
    return np.maximum(abs(x) * np.sqrt(3) / 2 - y / 2, y) - 0.45


def _cross(x: Floats, y: Floats) -> Any:
    near, far = np.minimum(abs(x), abs(y)), np.maximum(abs(x), abs(y))
    return np.maximum(near - 0.25, far - 1)


def _ring(x: Floats, y: Floats) -> Any:
    return abs(np.hypot(x, y) - 0.75) - 0.2


def _bar(x: Floats, y: Floats) -> Any:
    return np.maximum(abs(x) - 1, abs(y) - 0.25)


SHAPES: dict[str, Distance] = {
    "disk": _disk,
    "square": _square,
    "triangle": _triangle,
    "cross": _cross,
    "ring": _ring,
    "bar": _bar,
}


def load_shapes(spec: ShapesData, rng: np.random.Generator) -> Dataset:
    """Draws images for training, for testing, then for validation, each (N, 1, size, size).

    Shapes are brighter than their ground. Values reach from 0 to 1 before the noise, which isn't
    cut off.
    """
    names = tuple(SHAPES)[: spec.classes]
    train, test = (_draw(spec, count, rng) for count in (spec.train, spec.test))
    return Dataset(
        train,
        test,
        "classification",
        feature_names=(),
        class_names=names,
        target_names=("shape",),
        validation=_draw(spec, spec.validation, rng) if spec.validation else None,
    )


def _draw(spec: ShapesData, count: int, rng: np.random.Generator) -> Split:
    labels = rng.permutation(np.arange(count, dtype=np.int64) % spec.classes)
    radius = rng.uniform(0.45, 0.8, count)  # of the image's half width
    reach = 1 - radius
    columns = {
        "across": rng.uniform(-reach, reach),
        "down": rng.uniform(-reach, reach),
        "radius": radius,
        "angle": rng.uniform(0, 2 * np.pi, count),
        "ground": rng.uniform(0.0, 0.3, count),
        "light": rng.uniform(0.6, 1.0, count),
    }
    images = np.empty((count, 1, spec.size, spec.size))
    for label, distance in enumerate(list(SHAPES.values())[: spec.classes]):
        chosen = labels == label
        given = {name: values[chosen, None, None] for name, values in columns.items()}
        images[chosen, 0] = _image(distance, spec.size, **given)
    images += rng.normal(scale=spec.noise, size=images.shape)
    return Split(images.astype(np.float32), labels)


def _image(
    distance: Distance,
    size: int,
    *,
    across: Floats,
    down: Floats,
    radius: Floats,
    angle: Floats,
    ground: Floats,
    light: Floats,
) -> Floats:
    """(N, size, size) from arrays (N, 1, 1); edges are as soft as a pixel is wide."""
    line = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = line - across, line[:, None] - down
    turned_x = (np.cos(angle) * x + np.sin(angle) * y) / radius
    turned_y = (np.cos(angle) * y - np.sin(angle) * x) / radius
    pixels_out = distance(turned_x, turned_y) * radius * size / 2
    cover = np.clip(0.5 - pixels_out, 0.0, 1.0)
    image: Floats = ground + (light - ground) * cover
    return image
