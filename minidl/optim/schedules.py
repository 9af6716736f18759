"""Learning-rate schedules: the rate of an epoch, from the number of epochs finished before it.

A Schedule is a function (epoch, lr) → rate, where `lr` is the optimizer's own. `warm_up` puts a
linear rise in front of any of them.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from minidl.scores import higher_is_better

Schedule = Callable[[float, float], float]


def constant() -> Schedule:
    """lr, always."""
    return lambda epoch, lr: lr


def multistep(milestones: Sequence[Any], factor: float | None = None) -> Schedule:
    """The rate of the last milestone (epoch, rate) that was reached; lr before the first.

    With a factor, milestones are epochs: lr · factor^(number of those reached).
    """
    if factor is not None:
        return lambda epoch, lr: lr * factor ** sum(at <= epoch for at in milestones)
    return lambda epoch, lr: next((rate for at, rate in reversed(milestones) if at <= epoch), lr)


def step(step_size: int, factor: float) -> Schedule:
    """lr · factor^⌊epoch / step_size⌋."""
    return lambda epoch, lr: lr * factor ** (epoch // step_size)


def exponential(factor: float) -> Schedule:
    """lr · factor^epoch."""
    return lambda epoch, lr: lr * factor**epoch


def cosine(epochs: float, final: float = 0.0) -> Schedule:
    """Half a cosine from lr to final · lr over `epochs`, then holds (Loshchilov & Hutter 2017)."""
    return lambda epoch, lr: (
        lr * (final + (1 - final) * (1 + math.cos(math.pi * min(epoch / epochs, 1.0))) / 2)
    )


def linear(epochs: int, final: float = 0.0) -> Schedule:
    """Falls from lr to final · lr over `epochs` along a line, then holds."""
    return lambda epoch, lr: lr * (1 + (final - 1) * min(epoch / epochs, 1.0))


def polynomial(epochs: int, power: float, final: float = 0.0) -> Schedule:
    """lr · (f + (1 − f) (1 − epoch / epochs)^power) with f = final, then holds."""
    return lambda epoch, lr: lr * (final + (1 - final) * (1 - min(epoch / epochs, 1.0)) ** power)


def cosine_restarts(period: int, growth: int = 1, final: float = 0.0) -> Schedule:
    """Half cosines from lr to final · lr, each begun at lr again  (Loshchilov & Hutter 2017).

    They take `period` epochs, period · growth, period · growth², …
    """

    def rate(epoch: float, lr: float) -> float:
        length = period
        while growth > 1 and epoch >= length:
            epoch, length = epoch - length, length * growth
        return cosine(length, final)(epoch % length, lr)

    return rate


def one_cycle(
    epochs: int, pct_start: float = 0.3, div_factor: float = 25.0, final_div_factor: float = 1e4
) -> Schedule:
    """Up to lr and far below where it began, along half cosines  (Smith & Topin 2018).

    From lr / div_factor to lr at epoch p = pct_start · epochs − 1, and to
    lr / div_factor / final_div_factor at the last, epochs − 1, where it holds. With p < 0 the fall
    has begun at the first epoch. As torch.optim.lr_scheduler.OneCycleLR, for the rate alone.
    """
    peak = pct_start * epochs - 1
    rise = cosine(peak, div_factor) if peak > 0 else constant()
    fall = cosine(epochs - 1 - peak, 1 / div_factor / final_div_factor)
    return lambda epoch, lr: (
        rise(epoch, lr / div_factor) if epoch < peak else fall(epoch - peak, lr)
    )


def warm_up(epochs: int, then: Schedule) -> Schedule:
    """lr · (epoch + 1) / (epochs + 1) for the first `epochs`, then the schedule, from its start."""
    return lambda epoch, lr: (
        lr * (epoch + 1) / (epochs + 1) if epoch < epochs else then(epoch - epochs, lr)
    )


class ReduceOnPlateau:
    """Multiplies a rate by `factor` after `patience` evaluations without improvement.

    An improvement beats the best by more than threshold · |best|. `cooldown` evaluations after a
    reduction don't count; the rate never falls below `min_lr`. For metrics ≥ 0 it is
    torch.optim.lr_scheduler.ReduceLROnPlateau.
    """

    def __init__(
        self, lr: float, factor: float = 0.1, patience: int = 10, threshold: float = 1e-4,
        cooldown: int = 0, min_lr: float = 0.0, metric: str = "train_loss",
    ) -> None:  # fmt: skip
        self.lr, self.factor, self.patience, self.threshold = lr, factor, patience, threshold
        self.cooldown, self.min_lr, self.metric = cooldown, min_lr, metric
        self.sign = -1 if higher_is_better(metric) else 1
        self.best = math.inf  # of sign · metric
        self.bad_epochs = self.cooling = 0

    def step(self, metric: float) -> float:
        """Judge an epoch by its metric; returns the rate from now on."""
        value = self.sign * metric
        least = self.threshold * abs(self.best) if self.best < math.inf else 0.0
        if value < self.best - least:
            self.best, self.bad_epochs = value, 0
        else:
            self.bad_epochs += 1
        if self.cooling > 0:
            self.cooling, self.bad_epochs = self.cooling - 1, 0
        if self.bad_epochs > self.patience:
            self.lr = min(self.lr, max(self.lr * self.factor, self.min_lr))
            self.cooling, self.bad_epochs = self.cooldown, 0
        return self.lr

    def state(self) -> dict[str, float]:
        """What `restore` needs to go on from here."""
        return {name: getattr(self, name) for name in ("lr", "best", "bad_epochs", "cooling")}

    def restore(self, state: dict[str, float]) -> None:
        """Go on from such a state."""
        vars(self).update(state)
