"""Other trainings that go in step with a page's own: other seeds, or other optimizers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from minidl.build import Experiment, build
from minidl.data import Dataset
from minidl.errors import RunError
from minidl.play.controls import changed
from minidl.play.past import Past
from minidl.play.plane import Frame, Plane
from minidl.spec import Spec
from minidl.train.lanes import Lanes
from minidl.train.trainer import Trainer
from minidl.train.weights import set_weights

SEEDS = 5
# With the rates that they are known to like; the page's own optimizer has its own.
OPTIMIZERS = {"sgd": 0.1, "rmsprop": 0.003, "adam": 0.01, "adamw": 0.01, "adagrad": 0.03}


@dataclass
class Other:
    """One of them: its name, its training and what it answers. diverged: it trains no more."""

    name: str
    trainer: Trainer
    view: Experiment
    plane: Plane
    past: Past
    diverged: bool = False
    metrics: list[dict[str, float]] = field(default_factory=list)  # of each finished epoch

    def look(self) -> NDArray[Any]:
        """The output's map, as it is now."""
        set_weights(self.view.network, self.view.trainer.optimizer.flat, self.trainer.weights())
        return self.plane.output()


class Beside:
    """Trains them an epoch at a time, in lanes: those of one kind by the same calls.

    They have the data of `spec`. Raises ConfigError.
    """

    def __init__(self, spec: Spec, data: Dataset, kind: str, frame: Frame | None = None) -> None:
        specs = dict(_specs(spec, kind))
        self.others: list[Other] = []
        self._groups: list[tuple[Lanes, list[Other]]] = []
        for name, one in specs.items():
            view = build(one, data)
            trainer = build(one, data).trainer
            plane = Plane(view, data, one.loss.type, frame)
            past = Past(trainer.state(), len(specs))
            self.others.append(Other(name, trainer, view, plane, past))
        # Seeds share their code; each optimizer has its own.
        together = [self.others] if kind == "seeds" else [[other] for other in self.others]
        for group in together:
            lanes = Lanes(group[0].trainer, width=len(group))
            for other in group[: lanes.free]:
                lanes.put(other.trainer)
            self._groups.append((lanes, group[: lanes.width]))
            # Where no code is compiled there is one lane: the rest have lanes of their own.
            for other in group[lanes.width :]:
                alone = Lanes(other.trainer)
                alone.put(other.trainer)
                self._groups.append((alone, [other]))

    def end(self) -> None:
        """Stop soon, and for good."""
        for other in self.others:
            other.trainer.stop.patience = 0.0
            other.trainer.stop.request()

    def end_epoch(self) -> None:
        """Train all by an epoch."""
        for lanes, group in self._groups:
            if any(lanes.trainers):
                self._train(lanes, group)

    def go(self, epoch: int) -> None:
        """Go back to the end of an epoch."""
        for lanes, group in self._groups:
            for other in group:
                if other.trainer in lanes.trainers:
                    lanes.remove(other.trainer)
            for other in group:  # one after the other: they may have states of other epochs
                other.trainer.restore(*other.past.go_back(epoch))
                other.diverged = False
                del other.metrics[other.trainer.finished :]
                lanes.put(other.trainer)
                while other.trainer.finished < epoch and not other.diverged:
                    self._train(lanes, [other])
                if not other.diverged:
                    lanes.remove(other.trainer)
            for other in group:
                if not other.diverged:
                    lanes.put(other.trainer)

    def _train(self, lanes: Lanes, group: Sequence[Other]) -> None:
        of = {id(other.trainer): other for other in group}
        epochs = lanes.train_epoch()
        if not epochs:
            raise RunError("the page was closed")
        for trainer, epoch in epochs:
            other = of[id(trainer)]
            del other.metrics[epoch.number - 1 :]
            other.metrics.append(epoch.metrics)
            if not epoch.finite:
                other.diverged = True
                lanes.remove(trainer)
            elif other.past.due(epoch.number):
                other.past.keep(epoch.number, trainer.state())

    def told(self, metric: str) -> list[list[Any]]:
        """Of each its name, and a metric of the test part; NaN where there is none yet."""
        nothing: list[dict[str, float]] = [{}]
        return [
            [one.name, (one.metrics or nothing)[-1].get(metric, math.nan), one.diverged]
            for one in self.others
        ]


def _specs(spec: Spec, kind: str) -> Iterator[tuple[str, Spec]]:
    """What is trained, by its name; the data stay those of the page's own seed."""
    if kind not in ("seeds", "optimizers"):
        raise RunError(f"compare: expected seeds or optimizers, but got {kind[:40]!r}")
    if kind == "seeds":
        for seed in range(spec.seed + 1, spec.seed + 1 + SEEDS):
            yield f"seed {seed}", spec.model_copy(update={"seed": seed})
        return
    for name, rate in OPTIMIZERS.items():
        if name != spec.optimizer.type:
            yield f"{name}, rate {rate:g}", changed(spec, {"optimizer": name, "lr": rate})
