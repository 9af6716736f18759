"""A config's whole training in minidl and in PyTorch, from the same weights on the same batches."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from minidl import nn
from minidl.build import Experiment, build, read_data
from minidl.nn.threads import use_threads
from minidl.reference import counterpart, loss_counterpart, optimizer_counterpart
from minidl.report.members.groups import Statistics
from minidl.report.members.measures import words
from minidl.report.tables.numbers import MISSING, mean_and_std
from minidl.report.tables.sheet import Field, Record, Sheet
from minidl.scores import is_share
from minidl.spec import Spec
from minidl.train.evaluation import Evaluator


@dataclass(frozen=True)
class Side:
    """One training: its metrics at the end, and the seconds that each epoch's steps took."""

    metrics: dict[str, float]
    epochs: list[float]


@dataclass(frozen=True)
class Comparison:
    """Trainings with one seed each, by side.

    steps: of an epoch. drops: whether masks are drawn. engine: what runs minidl's steps.
    """

    spec: Spec
    sides: dict[str, list[Side]]
    steps: int
    threads: int
    drops: bool
    engine: str


def compare_trainings(spec: Spec, repeats: int, threads: int = 1) -> Comparison:
    """Train with `repeats` seeds, the spec's and the next, in both; an epoch each in turns.

    On the CPU, all epochs: nothing stops early. Raises ConfigError and DataError.
    """
    sides: dict[str, list[Side]] = {"PyTorch": [], "minidl": []}
    for i in range(repeats):
        member = _measured_spec(spec, spec.seed + i)
        data = read_data(member)
        ours, theirs = build(member, data), PyTorchTraining(build(member, data))
        taken: dict[str, list[float]] = {"PyTorch": [], "minidl": []}
        before = 0.0
        with use_threads(threads):
            for epoch, seconds in zip(ours.trainer, theirs, strict=True):
                taken["minidl"].append(epoch.train_seconds - before)
                taken["PyTorch"].append(seconds)
                before = epoch.train_seconds
            sides["minidl"].append(Side(epoch.metrics, taken["minidl"]))
            sides["PyTorch"].append(Side(theirs.evaluate(), taken["PyTorch"]))
    drops = any(module.draws for module in ours.network.modules())
    engine = ours.trainer.alone.engine.description
    return Comparison(spec, sides, len(ours.trainer.batches), threads, drops, engine)


def _measured_spec(spec: Spec, seed: int) -> Spec:
    """With this seed, and evaluated at the end alone, if no schedule needs it earlier."""
    training = spec.training
    if spec.schedule.type != "plateau":
        training = training.model_copy(update={"eval_every": training.epochs})
    return spec.model_copy(update={"training": training, "seed": seed, "device": "cpu"})


class PyTorchTraining:
    """What minidl's Trainer does, with torch.nn, autograd and torch.optim.

    Made from an experiment that nobody trains: its weights, batches and rates. Iterating gives the
    seconds of each epoch's steps.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.trainer, self.encoding = experiment.trainer, experiment.encoding
        self.network = counterpart(experiment.network)
        self.loss = loss_counterpart(self.trainer.loss)
        self.optimizer = optimizer_counterpart(self.trainer.optimizer, self.network.parameters())
        self.loss_sum = torch.zeros((), dtype=self.trainer.optimizer.flat.data.dtype)
        evaluator = self.trainer.evaluator
        self._evaluator = Evaluator(
            *(Foreign(self.network), evaluator.loss, evaluator.encoding, evaluator.target_std),
            evaluator.more.names,
        )
        self._lr = self.trainer.optimizer.lr

    def step(self, x: Tensor, target: Tensor) -> None:
        """One step of gradient descent."""
        self.optimizer.zero_grad()
        value = self.loss(self.network(x), target)
        value.backward()
        if self.trainer.clip_value is not None:
            torch.nn.utils.clip_grad_value_(self.network.parameters(), self.trainer.clip_value)
        if self.trainer.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.trainer.clip_norm)
        self.optimizer.step()
        self.loss_sum += value.detach()

    def __iter__(self) -> Iterator[float]:
        plateau, schedule = self.trainer.plateau, self.trainer.schedule
        for finished in range(self.trainer.epochs):
            first = plateau.lr if plateau else self._lr
            for group in self.optimizer.param_groups:
                group["lr"] = schedule(finished, first) * group.get("factor", 1.0)
            self.network.train()
            started = time.perf_counter()
            for x, target in self.trainer.batches:
                self.step(x, target)
            yield time.perf_counter() - started
            if plateau is not None and (finished + 1) % self.trainer.eval_every == 0:
                plateau.step(self.evaluate()[plateau.metric])

    def evaluate(self) -> dict[str, float]:
        """The metrics of both parts, by minidl's evaluator of PyTorch's outputs."""
        self.network.train(self.trainer.evaluate_in_training_mode)
        with torch.no_grad():
            measured = {name: self._evaluator(part) for name, part in self.trainer.parts.items()}
        return {
            f"{name}_{metric}": value
            for name, metrics in measured.items()
            for metric, value in metrics.items()
        }


class Foreign(nn.Module):
    """A network of PyTorch's, where one of ours is expected; to be evaluated only."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y: Tensor = self.network(x)
        return y

    def parameters(self) -> list[nn.Parameter]:
        return [nn.Parameter(values.detach()) for values in self.network.parameters()]


# The table ----------------------------------------------------------------------------------------


def sheet_of(compared: Comparison) -> Sheet:
    """A row per side: test metrics (– if it diverged), time of a step, time of a training."""
    names = [name for name in compared.sides["minidl"][0].metrics if name.startswith("test_")]
    records = [
        {"side": name, **_statistics(sides, names), **_times(sides, compared.steps)}
        for name, sides in compared.sides.items()
    ]
    fields = [
        Field("", lambda record: record["side"], number=False, key=True),
        *(Field(_head(name), _shown(name)) for name in names),
        Field("µs a step", lambda record: f"{record['step_seconds'] * 1e6:.1f}"),
        Field("seconds", lambda record: f"{record['seconds']:.3g}"),
    ]
    threads = "one thread" if compared.threads == 1 else f"{compared.threads} threads"
    return Sheet("training", f"{compared.spec.name} on {threads}", fields, records)


def notes_of(compared: Comparison) -> list[str]:
    """The ratio, and what the sides don't have in common."""
    ratios = [
        statistics.median(theirs.epochs) / statistics.median(ours.epochs)
        for theirs, ours in zip(*compared.sides.values(), strict=True)
    ]
    ratio, trainings = statistics.median(ratios), len(ratios)
    seeds = "one seed" if trainings == 1 else f"{trainings} seeds, mean ± std"
    notes = [
        f"PyTorch takes {ratio:.2f} times as long (medians over epochs in turns); {seeds}; "
        "the same data, first weights and batches.",
        f"minidl: {compared.engine}; what it takes to compile isn't counted.",
    ]
    if compared.drops:
        notes.append("Dropout's masks are not the same: PyTorch draws its own.")
    return notes


def _statistics(sides: Sequence[Side], names: Sequence[str]) -> Record:
    found: dict[str, float | None] = {}
    for name in names:
        values = [side.metrics[name] for side in sides]
        found[f"{name}_mean"] = statistics.fmean(values)
        found[f"{name}_std"] = statistics.stdev(values) if len(values) > 1 else None
    return found


def _times(sides: Sequence[Side], steps: int) -> Record:
    """Of a step, the median over all epochs; of a training, over the seeds."""
    return {
        "step_seconds": statistics.median(s for side in sides for s in side.epochs) / steps,
        "seconds": statistics.median(sum(side.epochs) for side in sides),
    }


def _head(metric: str) -> str:
    return words(metric) + (" (%)" if is_share(metric) else "")


def _shown(metric: str) -> Callable[[Record], str]:
    """A metric as in all other tables."""

    def show(record: Record) -> str:
        mean, std = record[f"{metric}_mean"], record[f"{metric}_std"]
        of = Statistics(1 if std is None else 2, mean, math.nan if std is None else std)
        return mean_and_std(of, metric) if math.isfinite(mean) else MISSING

    return show
