"""The training of one network: its algorithm, and what its epochs come to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minidl.data.batches import Batches
from minidl.nn import Loss, Module
from minidl.optim import Optimizer, ReduceOnPlateau, Schedule, clip_norm, clip_value
from minidl.optim.schedules import constant
from minidl.train.evaluation import Evaluator, Part, predict
from minidl.train.lanes import Lanes
from minidl.train.stop import Stop
from minidl.train.weights import set_weights, tensor, weights_of

Shapes = tuple[tuple[int, ...], ...]


@dataclass(slots=True)
class Epoch:
    """What one epoch came to."""

    number: int  # from 1
    steps: int  # since the beginning
    lr: float  # the rate that this epoch used
    metrics: dict[str, float]  # train_loss, test_loss, …; empty if it wasn't evaluated
    finite: bool  # False where a loss, gradient, metric or the state turned to NaN or infinity
    train_seconds: float  # in training steps, since the beginning: the network's share
    columns: tuple[str, ...]  # all metrics, evaluated or not
    # A row of dynamics.csv, where it was watched.
    dynamics: dict[str, float | None] = field(default_factory=dict)

    def row(self) -> dict[str, float | None]:
        """The row of metrics.csv; None for what was not evaluated, or is undefined."""
        metrics: Mapping[str, float | None] = self.metrics or dict.fromkeys(self.columns)
        if self.finite:  # so what is NaN says nothing of the network: a ROC without positives
            metrics = {name: None if x != x else x for name, x in metrics.items()}
        return {
            "epoch": self.number,
            "step": self.steps,
            "lr": self.lr,
            **metrics,
            "seconds": self.train_seconds,
        }


class Trainer:
    """Trains one network. Iterating over it trains an epoch at a time.

    It takes built objects and knows nothing of files; whoever iterates watches, records, and stops
    by leaving the loop. `stop.request()`, from a signal handler, ends it at the next epoch's end,
    or in the midst of an epoch that takes long. `Lanes` train several side by side.
    """

    def __init__(
        self,
        network: Module,
        loss: Loss,
        optimizer: Optimizer,
        batches: Batches,
        *,
        parts: dict[str, Part],
        evaluator: Evaluator,
        epochs: int,
        eval_every: int = 1,
        evaluate_in_training_mode: bool = False,
        schedule: Schedule | None = None,
        plateau: ReduceOnPlateau | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        self.network, self.loss, self.optimizer, self.batches = network, loss, optimizer, batches
        self.parts, self.evaluator = parts, evaluator
        self.epochs, self.eval_every = epochs, eval_every
        self.evaluate_in_training_mode = evaluate_in_training_mode
        self.schedule, self.plateau = schedule or constant(), plateau
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.columns = tuple(f"{part}_{name}" for part in parts for name in evaluator.metrics)
        always = evaluator.metrics_for(evaluator.encoding)
        self._always = tuple(f"{part}_{name}" for part in parts for name in always)
        self.finished = 0
        self.train_seconds = 0.0  # the network's share of the time in training steps
        self.between_epochs = True  # False during an epoch, and from then on if it was cut off
        self.stop = Stop()
        self.loss_sum = optimizer.flat.data.new_zeros(())
        # How many numbers turned to NaN or infinity: in an epoch's gradients, where clipping hides
        # them; and in all that the epoch came to.
        self.overflows = torch.zeros_like(self.loss_sum)
        self.not_finite = torch.zeros_like(self.loss_sum)
        self.first_lr = optimizer.lr  # that of the config, which schedules change
        # While it trains in a lane: copies the lane's values into the given tensors.
        self.elsewhere: Callable[[Mapping[str, Tensor]], None] | None = None

    # The algorithm.

    def step(self, x: Tensor, target: Tensor) -> None:
        """One step of gradient descent."""
        self.loss_sum += self.loss.forward(self.network.forward(x), target)
        self.optimizer.zero_grad()
        self.network.backward(self.loss.backward())
        self.clip()
        self.optimizer.step()

    def clip(self) -> None:
        """Bound the gradient, if asked to; counts what is infinite in it before that is hidden."""
        flat = self.optimizer.flat
        if self.clip_value is not None:
            for gradient in flat.trained_gradients():
                self.overflows += _not_finite(gradient)
            clip_value(flat, self.clip_value)
        if self.clip_norm is not None:
            clip_norm(flat, self.clip_norm)

    def check(self) -> None:
        """Count in `not_finite` what isn't a number in an epoch's losses and the state after it."""
        weights = weights_of(self.network, self.optimizer.flat)
        self.not_finite.copy_(self.overflows + _not_finite(self.loss_sum))
        for values in (*weights.values(), *self.optimizer.vectors.values()):
            if values.is_floating_point():
                self.not_finite += _not_finite(values)
        self.loss_sum.zero_()
        self.overflows.zero_()

    # Epoch by epoch. What happens to its tensors meanwhile is the work of Lanes.

    def __iter__(self) -> Iterator[Epoch]:
        lanes = self.alone
        lanes.put(self)
        try:
            while self.finished < self.epochs and not self.stop.requested:
                for _, epoch in lanes.train_epoch():
                    yield epoch
        finally:
            lanes.remove(self)

    @cached_property
    def alone(self) -> Lanes:
        """A lane for this network alone."""
        return Lanes(self, width=1, stop=self.stop)

    def begin_epoch(self) -> None:
        """Choose the rate."""
        self.between_epochs = False
        lr = self.first_lr if self.plateau is None else self.plateau.lr
        rate = self.schedule(self.finished, lr)
        if rate != self.optimizer.lr:
            self.optimizer.lr = rate

    def steps_done(self, seconds: float) -> None:
        """Count an epoch's steps, which took so long."""
        self.finished += 1
        self.train_seconds += seconds
        self.optimizer.steps += len(self.batches)

    @property
    def due(self) -> bool:
        """Whether the epoch that just ended is to be evaluated."""
        return self.finished % self.eval_every == 0 or self.finished == self.epochs

    def end_epoch(self, finite: bool, metrics: dict[str, float]) -> Epoch:
        """What the epoch came to. One that ends in NaN is evaluated out of turn."""
        if self.due:
            finite = finite and all(math.isfinite(metrics[name]) for name in self._always)
            if self.plateau is not None:
                self.plateau.step(metrics[self.plateau.metric])
        self.between_epochs = True
        return Epoch(
            self.finished,
            self.finished * len(self.batches),
            self.optimizer.lr,
            metrics,
            finite,
            self.train_seconds,
            self.columns,
        )

    def outputs(self, part: str) -> NDArray[np.float64]:
        """What the network, as it is now, gives for a part (N, outputs), by plain PyTorch."""
        return self.answers(self.parts[part].inputs)

    def answers(self, inputs: Tensor) -> NDArray[np.float64]:
        """The same for any inputs (N, …), on the network's device."""
        if self.elsewhere is not None:  # its own tensors aren't in use
            set_weights(self.network, self.optimizer.flat, self.weights())
        with torch.no_grad():
            return predict(self.network, inputs).double().cpu().numpy()

    # Its tensors.

    def tensors(self) -> dict[str, Tensor]:
        """All that steps and evaluations read and change, by name."""
        flat, optimizer = self.optimizer.flat, self.optimizer
        return {
            **weights_of(self.network, flat),
            "gradients": flat.grad,
            "loss_sum": self.loss_sum,
            "overflows": self.overflows,
            "not_finite": self.not_finite,
            "sums": self.evaluator.sums,
            **{f"optimizer.{name}": vector for name, vector in optimizer.vectors.items()},
            **{f"numbers.{name}": x for name, x in optimizer.number_tensors.items()},
            **{f"settings.{name}": x for name, x in self.network.named_settings().items()},
        }

    def shapes(self) -> Shapes:
        """Of all that its programs work on: only trainers with equal shapes may share them."""
        parts = (x for part in self.parts.values() for x in part.tensors)
        data = self.batches.inputs, self.batches.targets, *parts
        return tuple(tuple(x.shape) for x in (*self.tensors().values(), *data))

    def bind(self, tensors: Mapping[str, Tensor]) -> None:
        """Make these very tensors its own, by the names of `tensors()`."""

        def group(prefix: str) -> dict[str, Tensor]:
            return {
                name.removeprefix(prefix): x
                for name, x in tensors.items()
                if name.startswith(prefix)
            }

        self.optimizer.flat.bind(tensors["parameters"], tensors["gradients"])
        self.optimizer.bind(group("optimizer."), group("numbers."))
        self.network.bind({**group("statistics."), **group("settings.")})
        self.loss_sum, self.overflows = tensors["loss_sum"], tensors["overflows"]
        self.not_finite = tensors["not_finite"]
        self.evaluator.sums = tensors["sums"]

    def _fetched(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Copies of its own tensors as they are now, in their lane if it trains in one."""
        if self.elsewhere is None:
            return {name: x.clone() for name, x in tensors.items()}
        copies = {name: torch.empty_like(x) for name, x in tensors.items()}
        self.elsewhere(copies)
        return copies

    # Checkpoints.

    def weights(self) -> dict[str, Tensor]:
        """What predictions need."""
        return self._fetched(self._weights)

    @cached_property
    def _weights(self) -> dict[str, Tensor]:
        return weights_of(self.network, self.optimizer.flat)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that training has changed: tensors, and what JSON can hold."""
        vectors = {f"optimizer.{name}": x for name, x in self.optimizer.vectors.items()}
        tensors = self._fetched({**self._weights, **vectors})
        return {**tensors, "order": self.batches.state()}, {
            "finished": self.finished,
            "train_seconds": self.train_seconds,
            "optimizer_steps": self.optimizer.steps,
            "plateau": self.plateau.state() if self.plateau else None,
        }

    def restore(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Go on from such a state. Raises ValueError where it isn't of a training like this one."""
        try:
            self._restore(tensors, state)
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"its state is of another kind: {error!r}") from error

    def _restore(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        set_weights(self.network, self.optimizer.flat, tensors)
        for name, vector in self.optimizer.vectors.items():
            vector.copy_(tensor(tensors, f"optimizer.{name}", vector))
        self.batches.restore(tensor(tensors, "order", self.batches.state()))
        if self.plateau is not None:
            self.plateau.restore(state["plateau"])
        finished = int(state["finished"])
        if not 0 <= finished <= self.epochs:
            raise ValueError(f"it is of epoch {finished}, but there are {self.epochs}")
        self.finished = finished
        self.train_seconds = float(state["train_seconds"])
        self.optimizer.steps = int(state["optimizer_steps"])


def _not_finite(values: Tensor) -> Tensor:
    """How many of these numbers are NaN or infinite."""
    return (~values.isfinite()).to(values.dtype).sum()
