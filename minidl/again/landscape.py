"""The loss on a plane through the weights, and the paths of runs in it."""

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

    The plane goes through the last weights of the first run, (0, 0); its directions, orthonormal,
    are the first two principal ones of all paths, which make up `share` of their variance.
    """

    x: Floats
    y: Floats
    loss: Floats
    share: float
    paths: Sequence[Path]


def landscape(replays: Sequence[Replay], progress: Progress = quietly) -> Landscape:
    """Train runs again for their paths, and evaluate the first one's network around them.

    Raises RunError for networks of other sizes, for paths without a plane, and where one diverged.
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
    _, lengths, directions = np.linalg.svd(spread, full_matrices=False)
    if len(lengths) < 2 or lengths[1] <= 1e-6 * lengths[0]:
        raise RunError(f"{first.name}: its path has no plane: it needs two epochs at least")
    plane = directions[:2]
    places = [(path - end) @ plane.T for path in paths]
    low, high = np.min(np.concatenate(places), axis=0), np.max(np.concatenate(places), axis=0)
    room = MARGIN * (high - low)
    x, y = (np.linspace(low[i] - room[i], high[i] + room[i], CELLS) for i in range(2))
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    lanes = Lanes(first.trainer, width=LANES)
    losses = lanes.losses(first.trainer, "train", _rounded(end + grid @ plane, first))
    return Landscape(
        x,
        y,
        losses.reshape(CELLS, CELLS),
        float((lengths[:2] ** 2).sum() / (lengths**2).sum()),
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
