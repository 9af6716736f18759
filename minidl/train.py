"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from minidl.capture import capture
from minidl.data.batches import Batches
from minidl.evaluation import CutOffError, Evaluator, Part
from minidl.nn import Dropout, Loss, Module
from minidl.optim import Optimizer, ReduceOnPlateau, Schedule, clip_norm, clip_value, not_finite
from minidl.optim.schedules import constant
from minidl.weights import set_weights, tensor, weights_of


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to. Lists have one entry per network."""

    number: int  # from 1
    steps: int  # since the beginning
    lr: list[float]  # the rates that this epoch used
    metrics: dict[str, list[float]]  # train_loss, test_loss, …; empty if it wasn't evaluated
    finite: list[bool]  # False where loss, weights or metrics turned to NaN or infinity
    train_seconds: float  # in training steps, since the beginning: each network's share
    columns: tuple[str, ...]  # all metrics, evaluated or not
    out_of_turn: bool = False  # evaluated only for those that diverged

    def row(self, network: int = 0) -> dict[str, float | None]:
        """One network's row of metrics.csv; None for what was not evaluated."""
        evaluated = self.metrics and not (self.out_of_turn and self.finite[network])
        metrics = {
            name: self.metrics[name][network] if evaluated else None for name in self.columns
        }
        return {
            "epoch": self.number,
            "step": self.steps,
            "lr": self.lr[network],
            **metrics,
            "seconds": self.train_seconds,
        }


class Trainer:
    """Trains one network or a stack. Iterating over it trains an epoch at a time.

    It takes built objects and knows nothing of files; whoever iterates watches, records, and stops
    by leaving the loop. `request_stop()`, from a signal handler, ends it at the next epoch's end,
    or in the midst of an epoch that takes long.
    """

    # How long a stop waits for the epoch to end, in seconds.
    patience = 2.0

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
        schedules: Sequence[Schedule] | None = None,
        plateau: ReduceOnPlateau | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        self.network, self.loss, self.optimizer, self.batches = network, loss, optimizer, batches
        self.parts, self.evaluator = parts, evaluator
        self.epochs, self.eval_every = epochs, eval_every
        self.evaluate_in_training_mode = evaluate_in_training_mode
        self.plateau = plateau
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.networks = network.networks or 1
        self.finished = 0
        self.train_seconds = 0.0  # a network's share of the time in training steps
        self.schedules = schedules or [constant()] * self.networks
        self._first_lrs = self._as_list(optimizer.lr)
        self._loss_sum = optimizer.flat.data.new_zeros(self.networks)
        self._diverged: set[int] = set()
        self.between_epochs = True  # False while (or after) an epoch is (was) cut off in its midst
        self._stop_at = math.inf  # when a requested stop waits no longer
        evaluator.too_late = self._too_late

    def step(self, x: Tensor, target: Tensor) -> None:
        """One step of gradient descent."""
        self._loss_sum += self.loss.forward(self.network.forward(x), target)
        self.optimizer.zero_grad()
        self.network.backward(self.loss.backward())
        self.clip()
        self.optimizer.step()

    def clip(self) -> None:
        """Bound the gradients, if asked to."""
        if self.clip_value is not None:
            self._loss_sum += not_finite(self.optimizer.flat)
            clip_value(self.optimizer.flat, self.clip_value)
        if self.clip_norm is not None:
            clip_norm(self.optimizer.flat, self.clip_norm)

    def __iter__(self) -> Iterator[Epoch]:
        step = capture(self.step)
        while self.finished < self.epochs and self._stop_at == math.inf:
            self._set_rates()
            self.between_epochs = False
            self.network.train()
            self._loss_sum.zero_()
            started = time.perf_counter()
            with torch.inference_mode():
                for x, target in self.batches:
                    step(x, target)
                    if self._too_late():
                        return
                self._wait()
            self.train_seconds += (time.perf_counter() - started) / self.networks
            self.finished += 1
            try:
                epoch = self._evaluated()
            except CutOffError:
                return
            self.between_epochs = True
            yield epoch

    def request_stop(self) -> None:
        """End at the end of the epoch if it comes soon; safe to call from a signal handler."""
        self._stop_at = min(self._stop_at, time.perf_counter() + self.patience)

    def _too_late(self) -> bool:
        """Whether a requested stop waits no longer."""
        return time.perf_counter() > self._stop_at

    def evaluate(self) -> dict[str, list[float]]:
        """The metrics of both parts, in evaluation mode (unless asked otherwise)."""
        self.network.train(self.evaluate_in_training_mode)
        statistics = list(self.network.named_statistics().values())
        before = [values.clone() for values in statistics]
        with torch.inference_mode():
            measured = {name: self.evaluator(part) for name, part in self.parts.items()}
            for values, value in zip(statistics, before, strict=True):
                values.copy_(value)  # in training mode the layers learned from the test part
        return {
            f"{part}_{metric}": measured[part][metric]
            for part in measured
            for metric in self.evaluator.metrics
        }

    def _evaluate_aside(self) -> dict[str, list[float]]:
        """An evaluation that nobody would notice later: it gives dropout's draws back."""
        draws = [(dropout, dropout.step_state()) for dropout in self._dropouts()]
        metrics = self.evaluate()
        for dropout, state in draws:
            dropout.restore_step_state(state)
        return metrics

    def _wait(self) -> None:
        """Let the device finish, so that the clock counts all of its work."""
        if self._loss_sum.device.type == "cuda":
            torch.cuda.synchronize(self._loss_sum.device)

    def _evaluated(self) -> Epoch:
        finite = self._finite()
        lrs = self._as_list(self.optimizer.lr)
        due = self.finished % self.eval_every == 0 or self.finished == self.epochs
        # A network that diverged ends with a row of its own; the others wait for their turn.
        new_ends = {i for i, ok in enumerate(finite) if not ok} - self._diverged
        self._diverged |= new_ends
        metrics = self.evaluate() if due else self._evaluate_aside() if new_ends else {}
        if due:
            finite = [
                ok and all(math.isfinite(values[i]) for values in metrics.values())
                for i, ok in enumerate(finite)
            ]
            if self.plateau is not None:
                self.plateau.step(metrics[self.plateau.metric])
        columns = tuple(f"{part}_{name}" for part in self.parts for name in self.evaluator.metrics)
        return Epoch(
            self.finished, self.steps, lrs, metrics, finite, self.train_seconds, columns, not due
        )

    @property
    def steps(self) -> int:
        """Steps of training so far."""
        return self.finished * len(self.batches)

    def _set_rates(self) -> None:
        lrs = self._first_lrs if self.plateau is None else self.plateau.lrs
        rates = [
            schedule(self.finished, lr) for schedule, lr in zip(self.schedules, lrs, strict=True)
        ]
        wanted = rates if isinstance(self.optimizer.lr, list) else rates[0]
        if wanted != self.optimizer.lr:  # setting it costs as much as a step
            self.optimizer.lr = wanted

    def _finite(self) -> list[bool]:
        """Which networks' losses of this epoch, and weights after it, are numbers."""
        flat = self.optimizer.flat
        sizes = flat.norms(flat.data).view(-1) + self._loss_sum
        return [math.isfinite(size) for size in sizes.tolist()]

    def _as_list(self, lr: float | list[float]) -> list[float]:
        return lr if isinstance(lr, list) else [lr] * self.networks

    # Checkpoints of one network each.

    def weights(self, network: int = 0) -> dict[str, Tensor]:
        """What predictions need of one network."""
        return weights_of(self.network, self.optimizer.flat, network)

    def state(self, network: int = 0) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that training has changed, of one network: tensors, and what JSON can hold."""
        flat, optimizer = self.optimizer.flat, self.optimizer
        tensors = {**self.weights(network), "order": self.batches.state(network)}
        for name, vector in optimizer.vectors.items():
            tensors[f"optimizer.{name}"] = flat.member(network, vector)
        draws = []
        for number, dropout in enumerate(self._dropouts()):
            drawn = dropout.step_state()
            tensors[f"dropout.{number}"] = drawn["generators"][network]
            draws.append({"pool_size": drawn["pool_size"], "used": drawn["used"]})
        return tensors, {
            "finished": self.finished,
            "train_seconds": self.train_seconds,
            "optimizer_steps": optimizer.steps,
            "vectors": list(optimizer.vectors),
            "dropout": draws,
            "plateau": self.plateau.state(network) if self.plateau else None,
        }

    def restore(self, network: int, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Let one network go on from such a state; in a stack all must be of the same epoch.

        Raises ValueError where it isn't of a network like this one.
        """
        try:
            self._restore(network, tensors, state)
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"its state is of another kind: {error!r}") from error

    def _restore(self, network: int, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        flat, optimizer = self.optimizer.flat, self.optimizer
        set_weights(self.network, flat, tensors, network)
        like = flat.member(network)
        for name in state["vectors"]:
            values = tensor(tensors, f"optimizer.{name}", like)
            flat.set_member(network, values, optimizer.vector(name))
        order = tensor(tensors, "order", self.batches.state(network))
        self.batches.restore(network, order)
        # It may have trained without dropout layers: its p is 0, whatever is drawn.
        pairs = zip(self._dropouts(), state["dropout"], strict=False)
        for number, (dropout, draws) in enumerate(pairs):
            drawn = dropout.step_state()
            generators = drawn["generators"]
            generators[network] = tensor(tensors, f"dropout.{number}", generators[network])
            counts = {key: int(draws[key]) for key in ("pool_size", "used")}
            dropout.restore_step_state({**drawn, **counts})
        if self.plateau is not None:
            self.plateau.restore(network, state["plateau"])
        finished = int(state["finished"])
        if not 0 <= finished <= self.epochs:
            raise ValueError(f"it is of epoch {finished}, but there are {self.epochs}")
        self.finished = finished
        self.train_seconds = float(state["train_seconds"])
        optimizer.steps = int(state["optimizer_steps"])

    def _dropouts(self) -> list[Dropout]:
        return [module for module in self.network.modules() if isinstance(module, Dropout)]
