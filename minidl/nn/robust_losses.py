"""Losses of numbers that an outlier can't dominate: beyond some error the gradient no longer grows.

Shapes: output y and target t (N, ...).
"""

from torch import Tensor

from minidl.nn.losses import Loss, Reduction


class MAELoss(Loss):
    """Mean absolute error, which the median makes smallest; PyTorch calls it L1Loss.

    L = Σ |y − t| / n        dL/dy = sign(y − t) / n
    """

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        self.difference = output - target
        return self.difference.abs().sum() * self.scale(output)

    def backward(self) -> Tensor:
        return self.difference.sign() * self.scale(self.difference)


class HuberLoss(Loss):
    """Squares up to an error of δ, and a line beyond  (Huber 1964).

    L = Σ c (y − t − c / 2) / n        dL/dy = c / n        c = clamp(y − t, −δ, δ)
    """

    def __init__(self, reduction: Reduction = "mean", *, delta: float = 1.0) -> None:
        if not delta > 0:
            raise ValueError(f"delta must be > 0, but got {delta}")
        super().__init__(reduction)
        self.delta = delta

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        difference = output - target
        self.clamped = difference.clamp(min=-self.delta, max=self.delta)
        return (self.clamped * (difference - self.clamped / 2)).sum() * self.scale(output)

    def backward(self) -> Tensor:
        return self.clamped * self.scale(self.clamped)

    def __repr__(self) -> str:
        return f"HuberLoss({self.reduction!r}, delta={self.delta})"


class SmoothL1Loss(HuberLoss):
    """Huber's over δ: far from the target its slope is 1, whatever δ  (Girshick 2015).

    L = Σ c (y − t − c / 2) / β / n        dL/dy = c / β / n        c = clamp(y − t, −β, β)
    β is `beta`.
    """

    def __init__(self, reduction: Reduction = "mean", *, beta: float = 1.0) -> None:
        if not beta > 0:
            raise ValueError(f"beta must be > 0, but got {beta}")
        super().__init__(reduction, delta=beta)
        self.beta = beta

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return super().forward(output, target) / self.beta

    def backward(self) -> Tensor:
        return super().backward() / self.beta

    def __repr__(self) -> str:
        return f"SmoothL1Loss({self.reduction!r}, beta={self.beta})"
