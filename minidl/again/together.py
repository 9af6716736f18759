"""Several runs trained again side by side, from their first step, to the bit."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence

from minidl.errors import MinidlWarning
from minidl.runs.replay import Replay
from minidl.sweep.kinds import kind_of
from minidl.train.lanes import Lanes
from minidl.train.trainer import Epoch

Progress = Callable[[int, int], None]


def quietly(done: int, total: int) -> None:
    """Shows nothing."""


def train_again(
    replays: Sequence[Replay], progress: Progress = quietly
) -> Iterator[tuple[Replay, Epoch]]:
    """Each epoch of each run, as it ends; its trainer then stands there, and has its outputs.

    Runs of one kind train side by side, each as many epochs as it had. progress: hears how many
    epochs of all are done.
    """
    done, total = 0, sum(replay.epochs for replay in replays)
    for alike in _by_kind(replays):
        waiting = list(reversed(alike))
        lanes = Lanes(waiting[-1].trainer, width=len(waiting))
        running: dict[int, Replay] = {}
        while waiting or running:
            while waiting and lanes.free:
                replay = waiting.pop()
                if replay.epochs:
                    lanes.put(replay.trainer)
                    running[id(replay.trainer)] = replay
            for trainer, epoch in lanes.train_epoch() if running else ():
                replay = running[id(trainer)]
                yield replay, epoch
                done += 1
                progress(done, total)
                if epoch.number >= replay.epochs or not epoch.finite:
                    _compare(replay, epoch)
                    lanes.remove(trainer)
                    del running[id(trainer)]


def _by_kind(replays: Sequence[Replay]) -> list[list[Replay]]:
    """Those that the same code trains."""
    found: dict[object, list[Replay]] = {}
    for replay in replays:
        found.setdefault((kind_of(replay.spec), replay.trainer.shapes()), []).append(replay)
    return list(found.values())


def _compare(replay: Replay, epoch: Epoch) -> None:
    """Warn where a run's last epoch came to something else than it did in its folder."""
    for name, value in epoch.metrics.items():
        column = replay.columns.get(name, ())
        known = column[epoch.number - 1] if len(column) >= epoch.number else math.nan
        if math.isfinite(known) and value != known:
            message = f"repeating came to a {name} of {value:.6g}, not the {known:.6g} it wrote"
            warnings.warn(f"{replay.name}: {message}", MinidlWarning, stacklevel=3)
            return
