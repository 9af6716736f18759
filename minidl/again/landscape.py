"""The loss on a plane through the weights, and the paths of runs in it.

Its directions are those in which the paths lie, or random ones: Li, Xu, Taylor, Studer and
Goldstein 2018, Visualizing the loss landscape of neural nets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minidl.again.together import Progress, quietly, train_again
from minidl.errors import RunError
from minidl.runs.replay import Replay
from minidl.train.lanes import Lanes

Floats = NDArray[np.float64]

CELLS = 41  # points along each side of the plane
MOST_PLACES, MOST_NUMBERS = 250, 2**24  # of a path; of all paths together
MARGIN = 0.2  # of the paths' extent, around them
REACH = 1.0  # of random directions, at least: there a filter is as far away as it is long
LANES = 16


@dataclass(frozen=True)
class Path:
    """A run's way: places (E, 2) in the plane, from its first weights to its last.

    loss: on the training part at its last weights; recorded: as the run wrote it, else NaN;
    beside: how far its last weights lie off the plane, by how far they lie from its first.
    """

    name: str
    places: Floats
    loss: float
    recorded: float
    beside: float


@dataclass(frozen=True)
class Landscape:
    """The loss (CELLS, CELLS) of a run's network on its training part: [j, i] at (x[i], y[j]).

    The plane goes through the last weights of the first run, (0, 0). Its directions are the first
    two principal ones of all paths, orthonormal, or two random ones. share: how much of the paths'
    variance it holds.
    """

    x: Floats
    y: Floats
    loss: Floats
    share: float
    paths: Sequence[Path]


def landscape(
    replays: Sequence[Replay], progress: Progress = quietly, *, seed: int | None = None
) -> Landscape:
    """Train runs again for their paths, and evaluate the first one's network around them.

    seed: draws random directions, which the principal ones are taken for where it is None. Raises
    RunError for networks of other sizes, for paths without a plane, and where one diverged.
    """
    first = replays[0]
    size = first.trainer.optimizer.flat.size
    for replay in replays:
        if replay.trainer.optimizer.flat.size != size:
            message = f"has other parameters than {first.name}: one plane doesn't hold both"
            raise RunError(f"{replay.name}: {message}")
    paths = _paths(replays, progress)
    end = paths[0][-1]
    spread = np.concatenate([path - end for path in paths])
    plane = _principal(spread, first) if seed is None else _random(first, end, seed)
    places = [np.linalg.lstsq(plane.T, (path - end).T)[0].T for path in paths]
    every = np.concatenate(places)
    low, high = every.min(0), every.max(0)
    room = MARGIN * (high - low)
    low, high = low - room, high + room
    if seed is not None:
        low, high = np.minimum(low, -REACH), np.maximum(high, REACH)
    x, y = (np.linspace(low[i], high[i], CELLS) for i in range(2))
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    lanes = Lanes(first.trainer, width=LANES)
    losses = lanes.losses(first.trainer, "train", _rounded(end + grid @ plane, first))
    return Landscape(
        x,
        y,
        losses.reshape(CELLS, CELLS),
        float(((every @ plane) ** 2).sum() / (spread**2).sum()),
        [
            Path(
                replay.name,
                place,
                _own_loss(replay, path[-1]),
                (replay.columns.get("train_loss") or [np.nan])[-1],
                _beside(path, place, end, plane),
            )
            for replay, path, place in zip(replays, paths, places, strict=True)
        ],
    )


def _principal(spread: Floats, first: Replay) -> Floats:
    """The first two principal directions (2, P) of differences (E, P) from the last weights."""
    _, lengths, directions = np.linalg.svd(spread, full_matrices=False)
    if len(lengths) < 2 or lengths[1] <= 1e-6 * lengths[0]:
        raise RunError(f"{first.name}: its path has no plane: it needs two epochs at least")
    return np.asarray(directions[:2])


def _random(first: Replay, end: Floats, seed: int) -> Floats:
    """Two directions (2, P), filter-normalised: each filter, which is a row of a layer's weight,
    is as long as that of the network itself. Biases and scales stay as they are.
    """
    rng = np.random.default_rng(seed)
    found = np.zeros((2, end.size))
    start = 0
    for parameter in first.trainer.network.parameters():
        shape, size = parameter.shape, int(np.prod(parameter.shape))
        if len(shape) > 1:
            own = end[start : start + size].reshape(shape[0], -1)
            drawn = rng.standard_normal((2, *own.shape))
            lengths = np.linalg.norm(drawn, axis=-1, keepdims=True)
            drawn *= np.linalg.norm(own, axis=-1, keepdims=True) / lengths
            found[:, start : start + size] = drawn.reshape(2, -1)
        start += size
    if not np.linalg.matrix_rank(found) == 2:
        raise RunError(
            f"{first.name}: its weights are too few, or all 0: they have no random plane"
        )
    return found


def _paths(replays: Sequence[Replay], progress: Progress) -> list[Floats]:
    """The parameters of each run (E, P), before the first epoch and after some, the last too."""
    found = {id(one): [_parameters(one)] for one in replays}
    numbers = replays[0].trainer.optimizer.flat.size * len(replays)
    most = max(2, min(MOST_PLACES, MOST_NUMBERS // numbers))
    for replay, epoch in train_again(replays, progress):
        if not epoch.finite:
            raise RunError(f"{replay.name}: diverged: its path leads nowhere")
        every = -(-replay.epochs // most)
        if epoch.number % every == 0 or epoch.number == replay.epochs:
            found[id(replay)].append(_parameters(replay))
    return [np.stack(found[id(one)]) for one in replays]


def _parameters(replay: Replay) -> Floats:
    return replay.trainer.weights()["parameters"].double().cpu().numpy()


def _rounded(points: Floats, replay: Replay) -> NDArray[np.floating]:
    """In the training's own precision."""
    dtype = replay.trainer.optimizer.flat.data.cpu().numpy().dtype
    return points.astype(dtype)


def _own_loss(replay: Replay, end: Floats) -> float:
    lanes = Lanes(replay.trainer)
    return float(lanes.losses(replay.trainer, "train", _rounded(end[None], replay))[0])


def _beside(path: Floats, place: Floats, end: Floats, plane: Floats) -> float:
    off = path[-1] - end - place[-1] @ plane
    return float(np.linalg.norm(off) / (np.linalg.norm(path[-1] - path[0]) or 1.0))
