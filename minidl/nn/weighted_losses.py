"""Losses of samples that count unequally."""

from torch import Tensor

from minidl.nn.losses import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss


class WeightedCrossEntropyLoss(CrossEntropyLoss):
    """Cross-entropy of p = softmax(z) whose targets t (N, C) are probabilities times a weight.

    L = −Σₙ Σᵢ tᵢ log pᵢ / n        dL/dzᵢ = (pᵢ Σⱼ tⱼ − tᵢ) / n
    As in PyTorch, the mean's n is the sum of all weights: n = Σₙ Σᵢ tᵢ.
    """

    def scale(self, output: Tensor) -> float | Tensor:  # type: ignore[override]
        if self.reduction != "mean":
            return super().scale(output)
        return 1 / self.target.sum()

    def __repr__(self) -> str:
        return f"WeightedCrossEntropyLoss({self.reduction!r})"


class WeightedBCELoss(BCELoss):
    """Binary cross-entropy of probabilities p, whose targets are weights w > 0 with a sign.

    L = −Σ w (t log p + (1 − t) log(1 − p)) / n        dL/dp = w (p − t) / (p (1 − p)) / n
    The target of a sample is w where its t is 1, and −w where it is 0. As with PyTorch's `weight`
    and `pos_weight`, n doesn't depend on the weights.
    """

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        self.weight, t = target.abs(), (target.sign() + 1) / 2
        return (self.weight * self.terms(output, t)).sum() * self.scale(output)

    def backward(self) -> Tensor:
        return self.weight * super().backward()


class WeightedBCEWithLogitsLoss(BCEWithLogitsLoss):
    """Binary cross-entropy of p = σ(z), whose targets are weights w > 0 with a sign.

    L = Σ w (max(z, 0) − z t + log(1 + e^−|z|)) / n        dL/dz = w (σ(z) − t) / n
    Targets and n are those of `WeightedBCELoss`.
    """

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        self.weight, t = target.abs(), (target.sign() + 1) / 2
        return (self.weight * self.terms(output, t)).sum() * self.scale(output)

    def backward(self) -> Tensor:
        return self.weight * super().backward()
