"""Lanes: several networks of one kind, trained side by side on an engine.

An epoch of all is a few calls of the engine, each of many steps. So what Python does for a network
and an epoch must take microseconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minidl.train.programs import Programs

if TYPE_CHECKING:
    from minidl.train.stop import Stop
    from minidl.train.trainer import Epoch, Trainer

# What a call of the engine may take, in seconds: meanwhile no signal is heard.
CALL_SECONDS = 0.1

Rows = NDArray[np.int64]
Numbers = Mapping[str, NDArray[np.float64]]
Sources = Sequence[tuple[Tensor, ...] | None]


class CutOffError(Exception):
    """A stop came too late for the epoch to end."""


class Lanes:
    """Trains those that are `put` into it, an epoch of all at a time.

    `like` is a trainer of their kind: equal but for data of the same shapes, numbers and seeds.
    """

    def __init__(
        self,
        like: Trainer,
        *,
        width: int = 1,
        stop: Stop | None = None,
        programs: Programs | None = None,
    ) -> None:
        programs = programs or Programs.of(like, width)
        self.engine, self._programs = programs.engine, programs.by_name
        self.width = width = self.engine.lanes
        self.stop = stop or like.stop
        self.shapes = like.shapes()
        self.trainers: list[Trainer | None] = [None] * width
        self._state = self.engine.state(like.tensors())
        self._statistics = [name for name in like.tensors() if name.startswith("statistics.")]
        self._statistics *= like.evaluate_in_training_mode  # which an evaluation mustn't change
        self._no_sums = np.zeros_like(self._state.read("sums"))
        self._pace = dict.fromkeys(self._programs, 1)  # steps to a call
        self._steps, self._batch = len(like.batches), like.batches.batch_size
        self._full = like.batches.full
        orders = torch.zeros(width, like.batches.samples, dtype=torch.int64)
        self._orders, self._order_of = orders.numpy(), list(orders)
        self._nothing = np.zeros((width, 1, 0), dtype=np.int64)
        self._chunks = {
            name: [
                (f"evaluate_{rows.shape[1]}", np.stack([rows] * width))
                for rows in _chunks(part.samples, programs.chunk)
            ]
            for name, part in like.parts.items()
        }
        # The data of each lane: of steps, and of each part's evaluation.
        self._sources: dict[str, list[tuple[Tensor, ...] | None]] = {
            name: [None] * width for name in ("steps", *like.parts)
        }
        # The optimizers' numbers: tables of those that change with each step, and those that stay.
        dependent = like.optimizer.step_dependent
        self._tables = {name: np.zeros((self._steps, width)) for name in dependent}
        staying = [name for name in like.optimizer.number_tensors if name not in dependent]
        self._numbers = {name: np.zeros(width) for name in staying}
        self._rates: list[float | None] = [None] * width  # at which `_numbers` were computed
        self._seconds = 0.0  # in the last steps, for each network

    def put(self, trainer: Trainer) -> None:
        """Give a trainer a free lane. Raises ValueError where there is none, or it doesn't fit."""
        if not self.free:
            raise ValueError("no lane is free")
        if trainer.shapes() != self.shapes:
            raise ValueError(
                "its tensors have other shapes than those of the networks in the lanes"
            )
        lane = self.trainers.index(None)
        self._state.put(lane, trainer.tensors())
        self.trainers[lane] = trainer
        trainer.elsewhere = partial(self._state.take, lane)
        self._sources["steps"][lane] = trainer.batches.inputs, trainer.batches.targets
        for name, part in trainer.parts.items():
            self._sources[name][lane] = part.tensors
        self._rates[lane] = None

    def remove(self, trainer: Trainer) -> None:
        """Take a trainer out of its lane, with all that it has become there."""
        lane = self.trainers.index(trainer)
        self._state.take(lane, trainer.tensors())
        trainer.elsewhere = None
        self.trainers[lane] = None
        for sources in self._sources.values():
            sources[lane] = None

    @property
    def free(self) -> int:
        """How many more networks there is room for."""
        return self.trainers.count(None)

    def train_epoch(self, begun: int | None = None) -> list[tuple[Trainer, Epoch]]:
        """Train all by an epoch, their next; nothing where a stop cut it off in its midst.

        `begun`: how many of its steps `train_steps` has taken already, if it has begun.
        """
        training = self._training
        try:
            if begun is None:
                self._begin(training)
            self._train(training, begun or 0)
            finite = self._ended(training)
            due = {lane: one for lane, one in training.items() if one.due or not finite[lane]}
            metrics = self._evaluate(due) if due else {}
        except CutOffError:
            return []
        return [
            (one, one.end_epoch(finite[lane], metrics.get(lane, {})))
            for lane, one in training.items()
        ]

    def train_steps(self, count: int, begun: int | None = None) -> None:
        """Take the steps of an epoch up to its `count`-th, for those who look into its midst.

        `begun`: how many of them were taken already, if the epoch has begun.
        """
        if begun is None:
            self._begin(self._training)
        self._train(self._training, begun or 0, count)

    def rows(self, lane: int, step: int) -> Tensor:
        """Which samples a step of the epoch takes, from 0, that has begun in a lane."""
        rows: Tensor = self._order_of[lane][step * self._batch :][: self._batch]
        return rows.clone()

    def losses(self, like: Trainer, part: str, points: NDArray[Any]) -> NDArray[np.float64]:
        """The loss on a part at each of some points (n, P), flat parameters, side by side.

        The rest is `like`'s as it stands. Raises ValueError where a lane is taken.
        """
        if self.free < self.width:
            raise ValueError("the lanes are taken")
        for lane in range(self.width):
            self._state.put(lane, like.tensors())
        sources, found = [like.parts[part].tensors] * self.width, []
        statistics = {name: self._state.read(name) for name in self._statistics}
        for start in range(0, len(points), self.width):
            some = points[start : start + self.width]
            filled = np.concatenate([some, np.repeat(some[-1:], self.width - len(some), axis=0)])
            self._state.write("parameters", filled)
            self._state.write("sums", self._no_sums)
            for program, rows in self._chunks[part]:
                self._run(program, sources, rows)
            for name, kept in statistics.items():
                self._state.write(name, kept)
            found.append(self._state.read("sums")[: len(some), 0].astype(np.float64))
        losses: NDArray[np.float64] = np.concatenate(found) / like.parts[part].samples
        return losses

    @property
    def _training(self) -> dict[int, Trainer]:
        return {lane: one for lane, one in enumerate(self.trainers) if one is not None}

    def _begin(self, training: Mapping[int, Trainer]) -> None:
        """The rate and the order of an epoch."""
        for lane, one in training.items():
            one.begin_epoch()
            one.batches.order(out=self._order_of[lane])

    def _train(self, training: Mapping[int, Trainer], first: int, end: int | None = None) -> None:
        """The steps from `first` to `end` of an epoch that has begun; to its own end if None."""
        numbers, sources = self._numbers_for(training), self._sources["steps"]
        samples = self._full * self._batch
        full = self._orders[:, :samples].reshape(self.width, -1, self._batch)[:, first:end]
        started = time.perf_counter()
        self._run("step", sources, full, {name: values[first:] for name, values in numbers.items()})
        if self._steps > self._full and end is None:
            numbers = {name: values[-1:] for name, values in numbers.items()}
            self._run("last", sources, self._orders[:, None, samples:], numbers)
        self._seconds = (time.perf_counter() - started) / len(training)

    def _ended(self, training: Mapping[int, Trainer]) -> list[bool]:
        """Count an epoch's steps; returns for each lane whether they came to finite numbers."""
        sources = self._sources["steps"]
        self._run("check", [None if one is None else () for one in sources], self._nothing)
        finite: list[bool] = (self._state.read("not_finite") == 0).tolist()
        for one in training.values():
            one.steps_done(self._seconds)
        return finite

    def _numbers_for(self, training: Mapping[int, Trainer]) -> Numbers:
        """The optimizers' numbers of this epoch: tables (steps, lanes) of those that change in it.

        Those that don't change, usually the rate, are written into the state.
        """
        known: dict[tuple[float, ...], Mapping[str, NDArray[np.float64] | float]] = {}
        changed = False
        for lane, one in training.items():
            optimizer = one.optimizer
            if optimizer.lr == self._rates[lane] and not self._tables:
                continue
            key = (*optimizer.hyperparameters.values(), *optimizer.lr_factors, optimizer.steps)
            if key not in known:
                first = float(optimizer.steps + 1)
                t = first + np.arange(self._steps) if self._tables else first
                with np.errstate(over="ignore"):
                    known[key] = optimizer.numbers(t)
            for name, table in self._tables.items():
                table[:, lane] = known[key][name]
            if optimizer.lr != self._rates[lane]:
                self._rates[lane], changed = optimizer.lr, True
                for name, values in self._numbers.items():
                    values[lane] = known[key][name]
        if changed:
            with np.errstate(over="ignore"):  # beyond float32 it is infinite: it diverges
                for name, values in self._numbers.items():
                    self._state.write(f"numbers.{name}", values)
        return {f"numbers.{name}": table for name, table in self._tables.items()}

    def _evaluate(self, due: Mapping[int, Trainer]) -> dict[int, dict[str, float]]:
        """The metrics of these lanes."""
        before = {name: self._state.read(name) for name in self._statistics}
        values: dict[int, list[float]] = {lane: [] for lane in due}
        for part, chunks in self._chunks.items():
            sources = [own if i in due else None for i, own in enumerate(self._sources[part])]
            self._state.write("sums", self._no_sums)
            for program, rows in chunks:
                self._run(program, sources, rows)
            sums = self._state.read("sums").tolist()
            for lane, one in due.items():
                outputs = one.outputs(part) if one.evaluator.more.need_outputs else None
                values[lane] += one.evaluator.result(sums[lane], one.parts[part], outputs)
        for name, kept in before.items():
            self._state.write(name, kept)
        return {
            lane: dict(zip(one.columns, values[lane], strict=True)) for lane, one in due.items()
        }

    def _run(self, name: str, sources: Sources, rows: Rows, numbers: Numbers | None = None) -> None:
        """Run a program in calls that are short enough. Raises CutOffError."""
        program, steps, done = self._programs[name], rows.shape[1], 0
        while done < steps:
            if self.stop.too_late:
                raise CutOffError
            count = min(self._pace[name], steps - done)
            here = slice(done, done + count)
            own = {key: values[here] for key, values in (numbers or {}).items()}
            started = time.perf_counter()
            program.run(self._state, sources, np.ascontiguousarray(rows[:, here]), own)
            seconds = time.perf_counter() - started
            fitting = int(count * CALL_SECONDS / max(seconds, 1e-9))
            self._pace[name] = max(1, min(fitting, 8 * self._pace[name]))
            done += count


def _chunks(samples: int, size: int) -> Iterator[Rows]:
    """The rows of a part, cut into chunks (chunks, size), and those of the rest (1, rest)."""
    rows = np.arange(samples)
    whole = samples - samples % size
    if whole:
        yield rows[:whole].reshape(-1, size)
    if whole < samples:
        yield rows[None, whole:]
