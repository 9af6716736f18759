"""Learning-rate schedules: the rate of an epoch, from the number of epochs finished before it.

A Schedule is a function (epoch, lr) → rate, where `lr` is the optimizer's own. `warm_up` puts a
linear rise in front of any of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from minidl.scores import higher_is_better

Schedule = Callable[[int, float], float]


def constant() -> Schedule:
    """lr, always."""
    return lambda epoch, lr: lr


def multistep(milestones: Sequence[tuple[int, float]]) -> Schedule:
    """The rate of the last milestone (epoch, rate) that was reached; lr before the first."""

    def rate(epoch: int, lr: float) -> float:
        return next((value for start, value in reversed(milestones) if start <= epoch), lr)

    return rate


def multistep_factor(milestones: Sequence[int], factor: float) -> Schedule:
    """lr · factor^(number of milestones reached)."""
    return lambda epoch, lr: lr * factor ** sum(start <= epoch for start in milestones)


def step(step_size: int, factor: float) -> Schedule:
    """lr · factor^⌊epoch / step_size⌋."""
    return lambda epoch, lr: lr * factor ** (epoch // step_size)


def exponential(factor: float) -> Schedule:
    """lr · factor^epoch."""
    return lambda epoch, lr: lr * factor**epoch


def cosine(epochs: int, final: float = 0.0) -> Schedule:
    """Falls from lr to final · lr over `epochs` along half a cosine, then holds.

    (Loshchilov & Hutter 2017)
    """

    def rate(epoch: int, lr: float) -> float:
        done = min(epoch / epochs, 1.0)
        return lr * (final + (1 - final) * (1 + math.cos(math.pi * done)) / 2)

    return rate


def linear(epochs: int, final: float = 0.0) -> Schedule:
    """Falls from lr to final · lr over `epochs` along a line, then holds."""
    return lambda epoch, lr: lr * (1 + (final - 1) * min(epoch / epochs, 1.0))


def warm_up(epochs: int, then: Schedule) -> Schedule:
    """lr · (epoch + 1) / (epochs + 1) for the first `epochs`, then the schedule, from its start."""

    def rate(epoch: int, lr: float) -> float:
        if epoch < epochs:
            return lr * (epoch + 1) / (epochs + 1)
        return then(epoch - epochs, lr)

    return rate


class ReduceOnPlateau:
    """Multiplies a rate by `factor` when a metric has not improved for `patience` epochs.

    An improvement is a value below (1 − threshold) · best, for accuracy, r2 and psnr one above
    (1 + threshold) · best. After a reduction `cooldown` epochs are not counted; a rate never falls
    below `min_lr`. Each network of a stack is judged by itself.
    As torch.optim.lr_scheduler.ReduceLROnPlateau.
    """

    def __init__(
        self,
        lrs: Sequence[float],
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        metric: str = "train_loss",
    ) -> None:
        self.lrs = list(lrs)
        self.factor, self.patience, self.threshold = factor, patience, threshold
        self.cooldown, self.min_lr, self.metric = cooldown, min_lr, metric
        self.sign = -1 if higher_is_better(metric) else 1
        self.best = [math.inf] * len(self.lrs)  # of sign · metric
        self.bad_epochs = [0] * len(self.lrs)
        self.cooling = [0] * len(self.lrs)

    def step(self, metrics: Sequence[float]) -> list[float]:
        """Judge an epoch by one metric per network; returns the rates from now on."""
        for i, metric in enumerate(metrics):
            value = self.sign * metric
            if value < self.best[i] - self.threshold * abs(self.best[i]) or (
                self.best[i] == math.inf and value < math.inf
            ):
                self.best[i], self.bad_epochs[i] = value, 0
            else:
                self.bad_epochs[i] += 1
            if self.cooling[i] > 0:
                self.cooling[i] -= 1
                self.bad_epochs[i] = 0
            if self.bad_epochs[i] > self.patience:
                self.lrs[i] = min(self.lrs[i], max(self.lrs[i] * self.factor, self.min_lr))
                self.cooling[i], self.bad_epochs[i] = self.cooldown, 0
        return list(self.lrs)

    def state(self, network: int) -> dict[str, float]:
        """What `restore` needs to go on from here, of one network."""
        return {name: getattr(self, name)[network] for name in _PLATEAU_STATE}

    def restore(self, network: int, state: dict[str, float]) -> None:
        """Let one network go on from such a state."""
        for name in _PLATEAU_STATE:
            getattr(self, name)[network] = state[name]


_PLATEAU_STATE = ("lrs", "best", "bad_epochs", "cooling")
