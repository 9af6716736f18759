"""Toy tasks: points drawn from a rule that is known, so that a picture shows what was learned.

Class tasks lie in the plane; each is one function that draws points and their classes. The training
points are drawn before the test points, and those before the validation points, from one generator:
the same generator state gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minidl.data.dataset import Dataset, Floats, Integers, Split
from minidl.data.preprocessing import Preprocessing

if TYPE_CHECKING:
    from minidl.spec.data import (
        AnyData,
        BlobsData,
        CheckerboardData,
        CirclesData,
        Friedman1Data,
        MoonsData,
        NoisySineData,
        SpiralsData,
    )

RADIUS = 1 / np.sqrt(2 * np.pi)  # a disk of area 1/2

Generator = np.random.Generator


# Tasks whose class is a function of the point ------------------------------------------------


def disk(points: Floats, spec: Any) -> Integers:
    """1 inside the disk of area 1/2 in the middle of the unit square."""
    return np.asarray(np.linalg.norm(points - 0.5, axis=1) < RADIUS, dtype=np.int64)


def annulus(points: Floats, spec: Any) -> Integers:
    """0 in the part of a ring around the origin that lies in the unit square (area 0.66)."""
    distance = np.linalg.norm(points, axis=1)
    return np.asarray((distance <= RADIUS) | (distance >= 1), dtype=np.int64)


def xor(points: Floats, spec: Any) -> Integers:
    """1 where the two coordinates differ in sign, in the square [-1, 1]²."""
    return np.asarray((points[:, 0] > 0) != (points[:, 1] > 0), dtype=np.int64)


def checkerboard(points: Floats, spec: CheckerboardData) -> Integers:
    """The fields of a board of `cells` × `cells` over [-1, 1]², 0 in its lower left corner."""
    cell = np.floor((points + 1) / 2 * spec.cells)
    return np.asarray(cell.sum(axis=1) % 2, dtype=np.int64)


Rule = Callable[[Floats, Any], Integers]
RULES: dict[str, Rule] = {
    "disk": disk,
    "annulus": annulus,
    "xor": xor,
    "checkerboard": checkerboard,
}
LOWER_EDGE = {"disk": 0.0, "annulus": 0.0, "xor": -1.0, "checkerboard": -1.0}  # upper edge: 1


def true_classes(data_spec: AnyData, points: Floats) -> Integers | None:
    """The class of each point (N, 2), int64 (N,); None where a point doesn't decide its class.

    Known for disk, annulus, checkerboard, and xor without noise.
    """
    rule = RULES.get(data_spec.type)
    if rule is None or getattr(data_spec, "noise", 0.0) > 0:
        return None
    return rule(points, data_spec)


def _uniform(spec: Any, count: int, rng: Generator) -> Split:
    """Uniform points, labelled by the task's rule; noise then moves them, not their labels."""
    points = rng.uniform(LOWER_EDGE[spec.type], 1.0, size=(count, 2))
    labels = RULES[spec.type](points, spec)
    noise = getattr(spec, "noise", 0.0)
    if noise > 0:
        points = points + rng.normal(scale=noise, size=points.shape)
    return Split(points, labels)


# Tasks whose class decides where the point is drawn ------------------------------------------


def _spirals(spec: SpiralsData, count: int, rng: Generator) -> Split:
    """Arms from the origin to radius 1, each turned against the one before; noise moves points."""
    labels = _balanced_labels(count, spec.classes, rng)
    radius = np.sqrt(rng.random(count))  # the root spreads points about evenly along the arm
    angle = 2 * np.pi * (spec.turns * radius + labels / spec.classes)
    points = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return Split(points + rng.normal(scale=spec.noise, size=points.shape), labels)


def _blobs(spec: BlobsData, count: int, rng: Generator) -> Split:
    """Gaussian blobs of the given std, centred evenly on a circle of radius 5.

    The centres are fixed: train and test share them, and seeds don't differ in difficulty.
    """
    from sklearn.datasets import make_blobs

    angle = 2 * np.pi * np.arange(spec.classes) / spec.classes
    centres = 5 * np.column_stack([np.cos(angle), np.sin(angle)])
    points, labels = make_blobs(
        count, centers=centres, cluster_std=spec.std, random_state=_random_state(rng)
    )
    return _split(points, labels)


def _moons(spec: MoonsData, count: int, rng: Generator) -> Split:
    """Two half circles that reach into each other (scikit-learn's make_moons)."""
    from sklearn.datasets import make_moons

    return _split(*make_moons(count, noise=spec.noise, random_state=_random_state(rng)))


def _circles(spec: CirclesData, count: int, rng: Generator) -> Split:
    """A circle of radius `factor` (1) in one of radius 1 (0) (scikit-learn's make_circles)."""
    from sklearn.datasets import make_circles

    return _split(
        *make_circles(count, noise=spec.noise, factor=spec.factor, random_state=_random_state(rng))
    )


# Regressions ---------------------------------------------------------------------------------


def _noisy_sine(spec: NoisySineData, count: int, rng: Generator) -> Split:
    """y = sin 2πx + noise for x in [-1, 1]: two periods."""
    x = rng.uniform(-1.0, 1.0, size=(count, 1))
    return Split(x, np.sin(2 * np.pi * x) + rng.normal(scale=spec.noise, size=x.shape))


def _friedman1(spec: Friedman1Data, count: int, rng: Generator) -> Split:
    """y = 10 sin(π x₁x₂) + 20 (x₃ − ½)² + 10 x₄ + 5 x₅ + noise; further features are idle.

    Friedman (1991), Multivariate adaptive regression splines (scikit-learn's make_friedman1).
    """
    from sklearn.datasets import make_friedman1

    inputs, values = make_friedman1(
        count, n_features=spec.features, noise=spec.noise, random_state=_random_state(rng)
    )
    return Split(inputs, values[:, None])


# All of them ---------------------------------------------------------------------------------

DRAW: dict[str, Callable[[Any, int, Generator], Split]] = {
    **dict.fromkeys(RULES, _uniform),
    "spirals": _spirals,
    "moons": _moons,
    "circles": _circles,
    "blobs": _blobs,
    "noisy_sine": _noisy_sine,
    "friedman1": _friedman1,
}
CLASS_NAMES = {"disk": ("outside", "inside"), "annulus": ("ring", "rest")}


def load_toy(spec: Any, rng: Generator) -> Dataset:
    """Draws the training, the test and the validation points of the task `spec.type`."""
    draw = DRAW[spec.type]
    with np.errstate(over="ignore", invalid="ignore"):  # `build` refuses what isn't finite
        train = draw(spec, spec.train, rng)
        test = draw(spec, spec.test, rng)
        validation = draw(spec, spec.validation, rng) if spec.validation else None
    width = train.inputs.shape[1]
    names = ("x",) if width == 1 else tuple(f"x{i + 1}" for i in range(width))
    if train.targets.ndim == 2:
        return Dataset(
            train,
            test,
            "regression",
            feature_names=names,
            target_names=("y",),
            preprocessing=Preprocessing.identity(names),
            validation=validation,
        )
    numbered = tuple(str(i) for i in range(getattr(spec, "classes", 2)))
    return Dataset(
        train,
        test,
        "classification",
        feature_names=names,
        class_names=CLASS_NAMES.get(spec.type, numbered),
        target_names=("class",),
        preprocessing=Preprocessing.identity(names),
        validation=validation,
    )


def _balanced_labels(count: int, classes: int, rng: Generator) -> Integers:
    """Classes in random order, each as often as the others (give or take one)."""
    return rng.permutation(np.arange(count, dtype=np.int64) % classes)


def _random_state(rng: Generator) -> int:
    """scikit-learn takes no Generator: a seed drawn from ours."""
    return int(rng.integers(2**32))


def _split(points: Floats, labels: NDArray[Any]) -> Split:
    return Split(points.astype(np.float64), labels.astype(np.int64))
