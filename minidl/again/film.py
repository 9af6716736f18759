"""What networks answer over a plane of two inputs, or make of images, from epoch to epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from minidl.again.together import Progress, quietly, train_again
from minidl.build import build
from minidl.errors import RunError
from minidl.play.plane import Plane, points
from minidl.plural import plural
from minidl.runs.replay import Replay
from minidl.train.evaluation import predict
from minidl.train.weights import set_weights

Pictures = NDArray[np.float64]

MOST_NAMED = 12  # inputs in a message
IMAGES = 4  # test images of each run, two by two


@dataclass(frozen=True)
class Reel:
    """A run's pictures, one for each of a film's epochs; the last one stays where it has ended.

    answers (frames, K, height, width): maps over a plane as `play.plane.Plane` has them, or the
    network's images of K channels, two by two. extent: left,
    right, bottom and top of the plane; points (N, 3): training samples and their class or value;
    None for images.
    """

    name: str
    answers: Pictures
    extent: tuple[float, float, float, float] | None
    points: Pictures | None
    classes: int


@dataclass(frozen=True)
class Film:
    """epochs: of each frame, 0 being before the first step; reels: of each run."""

    epochs: Sequence[int]
    reels: Sequence[Reel]


def film(
    replays: Sequence[Replay],
    frames: int,
    progress: Progress = quietly,
    axes: tuple[str, str] | None = None,
) -> Film:
    """Train runs again, and look at so many epochs.

    axes: the features of the plane, of networks of more than two; the others stay at their mean.
    Raises RunError where there is no picture.
    """
    last = max(replay.epochs for replay in replays)
    epochs = np.unique(np.linspace(0, last, frames).round().astype(int)).tolist()
    looks = {id(replay): _Look(replay, axes) for replay in replays}
    for replay, epoch in train_again(replays, progress):
        if epoch.number in epochs or epoch.number == replay.epochs:
            looks[id(replay)].see(epoch.number)
    return Film(epochs, [looks[id(replay)].reel(epochs) for replay in replays])


class _Look:
    """At one run's network, by a copy that gets its weights."""

    def __init__(self, replay: Replay, axes: tuple[str, str] | None) -> None:
        self.replay, data = replay, replay.data
        self._copy = build(replay.spec.model_copy(update={"device": "cpu"}), data)
        self._plane = None
        self._axes = _axes(replay, axes)
        if data.task != "images":
            self._plane = Plane(self._copy, data, replay.spec.loss.type, axes=self._axes)
        self._seen = dict[int, Pictures]()
        self.see(0)

    def see(self, epoch: int) -> None:
        """Keep what the network answers now."""
        flat = self._copy.trainer.optimizer.flat
        weights = {name: x.cpu() for name, x in self.replay.trainer.weights().items()}
        set_weights(self._copy.network, flat, weights)
        if self._plane is not None:
            self._seen[epoch] = self._plane.output().astype(np.float64)
        else:
            inputs = self._copy.trainer.parts["test"].inputs
            inputs = inputs[torch.arange(IMAGES) % len(inputs)]
            images = predict(self._copy.network, inputs).double().numpy()
            beside = [np.concatenate([*row], axis=-1) for row in np.split(images, 2)]
            self._seen[epoch] = np.concatenate(beside, axis=-2)

    def reel(self, epochs: Sequence[int]) -> Reel:
        known = sorted(self._seen)
        latest = [max(one for one in known if one <= epoch) for epoch in epochs]
        plane, data = self._plane, self.replay.data
        return Reel(
            self.replay.name,
            np.stack([self._seen[one] for one in latest]),
            (plane.low[0], plane.high[0], plane.low[1], plane.high[1]) if plane else None,
            points(data, self._axes)["train"] if plane else None,
            data.classes,
        )


def _axes(replay: Replay, asked: tuple[str, str] | None) -> tuple[int, int]:
    """Which inputs make the plane. Raises RunError where that isn't said, or they aren't there."""
    data, name = replay.data, replay.name
    names = list(data.feature_names)
    known = f"{', '.join(names[:MOST_NAMED])}{', …' if len(names) > MOST_NAMED else ''}"
    if data.task == "images" or len(data.input_shape) != 1:
        if asked is None and data.task == "images":
            return 0, 1
        raise RunError(f"{name}: its inputs are images, which have no plane of two features")
    if asked is None:
        if len(names) == 2:
            return 0, 1
        ways = (
            ""
            if len(names) < 2
            else f": choose two by --axes A,B, the others at their mean: {known}"
        )
        raise RunError(f"{name}: has {plural(len(names), 'input')}, and a plane has two{ways}")
    for one in asked:
        if one not in names:
            raise RunError(f"{name}: --axes: there is no input {one!r}; there are {known}")
    if asked[0] == asked[1]:
        raise RunError(f"{name}: --axes: needs two inputs, but got {asked[0]!r} twice")
    return names.index(asked[0]), names.index(asked[1])
