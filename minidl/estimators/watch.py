"""What is noted of a fit, and when it stops."""

from __future__ import annotations

import math

from torch import Tensor

from minidl.train.stopping import Best, EarlyStopping
from minidl.train.trainer import Epoch, Trainer
from minidl.train.weights import set_weights


class Watch:
    """Sees each epoch of a trainer, and says whether it is to be the last.

    It is once `metric` hasn't improved by more than `min_delta` for `patience` epochs, and where
    the training diverges. With `keep_best` the weights of the best epoch are kept.
    """

    def __init__(
        self,
        trainer: Trainer,
        metric: str,
        *,
        patience: int,
        min_delta: float = 0.0,
        keep_best: bool = False,
    ) -> None:
        self.trainer, self.metric = trainer, metric
        self.stopping = EarlyStopping(metric, patience, min_delta)
        self.best = Best(metric, improved=(lambda row: self._keep()) if keep_best else None)
        self.epochs: list[Epoch] = []
        self.stopped = self.diverged = False
        self._weights: dict[str, Tensor] | None = None

    def __call__(self, epoch: Epoch) -> bool:
        """Whether this epoch was the last."""
        self.epochs.append(epoch)
        row = epoch.row()
        self.diverged = not epoch.finite
        self.best(row)
        self.stopped = self.diverged or self.stopping(row) is not None
        return self.stopped

    def curve(self, metric: str) -> list[float]:
        """A metric after each epoch."""
        return [epoch.metrics.get(metric, math.nan) for epoch in self.epochs]

    def restore_best(self) -> None:
        """Give the network the weights that were kept, if any were."""
        if self._weights is not None:
            set_weights(self.trainer.network, self.trainer.optimizer.flat, self._weights)

    def _keep(self) -> None:
        self._weights = self.trainer.weights()
