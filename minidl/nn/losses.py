"""Losses: how wrong an output is, as one number.

Outputs are (N, ...), with N samples. `reduction` says what n is in the formulas: "mean" the number
of terms, "batchmean" the number of samples, "sum" 1.
"""

from typing import Literal

import torch
from torch import Tensor

from minidl.nn.takes import Checked, require_shape, require_target

Reduction = Literal["mean", "sum", "batchmean"]


class Loss(Checked):
    """Base class."""

    takes = "(N, ...)"  # for any other output `forward` raises ValueError: see takes.py
    takes_classes = False  # as targets, beside numbers of the output's shape

    def __init__(self, reduction: Reduction = "mean") -> None:
        if reduction not in ("mean", "sum", "batchmean"):
            raise ValueError(f"reduction must be mean, sum or batchmean, but got {reduction!r}")
        self.reduction = reduction

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss, of shape ()."""
        raise NotImplementedError

    def backward(self) -> Tensor:
        """∂L/∂output of the last forward; of the output's shape."""
        raise NotImplementedError

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        return self.forward(output, target)

    def scale(self, output: Tensor) -> float:
        """1 / n"""
        return 1 / {"mean": output.numel(), "batchmean": len(output), "sum": 1}[self.reduction]

    def check(self, output: Tensor, target: Tensor) -> None:
        """Raise ValueError for what it doesn't take: broadcasting would hide a mistake."""
        require_shape(self, self.takes, output.shape)
        require_target(self, output, target, self.takes_classes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.reduction!r})"


class MSELoss(Loss):
    """L = Σ (y − t)² / n        dL/dy = 2 (y − t) / n"""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        self.difference = output - target
        return (self.difference * self.difference).sum() * self.scale(output)

    def backward(self) -> Tensor:
        return self.difference * (2 * self.scale(self.difference))


class BCELoss(Loss):
    """Binary cross-entropy of probabilities p with targets t in [0, 1].

    L = −Σ (t log p + (1 − t) log(1 − p)) / n        dL/dp = (p − t) / (p (1 − p)) / n
    Logarithms are clamped at −100 and p (1 − p) at 1e-12, as PyTorch does.
    """

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return self.terms(output, target).sum() * self.scale(output)

    def terms(self, output: Tensor, target: Tensor) -> Tensor:
        """What Σ adds up."""
        self.p, self.target = output, target
        log_p, log_q = output.log().clamp(min=-100), (-output).log1p().clamp(min=-100)
        return target * -log_p - (1 - target) * log_q

    def backward(self) -> Tensor:
        variance = (self.p * (1 - self.p)).clamp(min=1e-12)
        return (self.p - self.target) / variance * self.scale(self.p)


class BCEWithLogitsLoss(Loss):
    """Binary cross-entropy of p = σ(z), from the logits z; finite for logits of any size.

    L = Σ (max(z, 0) − z t + log(1 + e^−|z|)) / n        dL/dz = (σ(z) − t) / n
    """

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return self.terms(output, target).sum() * self.scale(output)

    def terms(self, output: Tensor, target: Tensor) -> Tensor:
        """What Σ adds up."""
        self.z, self.target = output, target
        return output.clamp(min=0) - output * target + (-output.abs()).exp().log1p()

    def backward(self) -> Tensor:
        return (self.z.sigmoid() - self.target) * self.scale(self.z)


class CrossEntropyLoss(Loss):
    """Cross-entropy of p = softmax(z), from the logits z of C classes.

    L = −Σₙ Σᵢ tᵢ log pᵢ / n        dL/dzᵢ = (pᵢ Σⱼ tⱼ − tᵢ) / n
    Shapes: z (N, C); targets are class indices (N,) or probabilities t (N, C). `label_smoothing` s
    mixes them with the uniform distribution: t ← (1 − s) t + s / C (Szegedy et al. 2016).
    An index that isn't from 0 to C − 1 makes L and dL/dz NaN.
    """

    takes, takes_classes = "(N, C)", True

    def __init__(self, reduction: Reduction = "mean", *, label_smoothing: float = 0.0) -> None:
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must be in [0, 1), but got {label_smoothing}")
        super().__init__(reduction)
        self.label_smoothing = label_smoothing

    def scale(self, output: Tensor) -> float:
        return super().scale(output[:, 0])  # one term per sample

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        self.target = self.probabilities(output, target)
        self.nll = self.negative_logs(output)
        return (self.target * self.nll).sum() * self.scale(output)

    def backward(self) -> Tensor:
        weight = self.target.sum(1, keepdim=True)
        return ((-self.nll).exp() * weight - self.target) * self.scale(self.nll)

    def negative_logs(self, z: Tensor) -> Tensor:
        """−log pᵢ = log(1 + Σ_{j≠m} e^(zⱼ − zₘ)) − (zᵢ − zₘ), zₘ the largest: exact at p near 1."""
        others = torch.arange(z.shape[1], device=z.device) != z.argmax(1, keepdim=True)
        shifted = z - z.amax(1, keepdim=True)
        return (others * shifted.exp()).sum(1, keepdim=True).log1p() - shifted

    def probabilities(self, output: Tensor, target: Tensor) -> Tensor:
        """The targets as smoothed probabilities, of the output's shape."""
        if not target.is_floating_point():
            classes = torch.arange(output.shape[1], device=output.device)
            chosen = (target.unsqueeze(1) == classes).to(output.dtype)
            target = chosen / chosen.sum(1, keepdim=True)  # NaN where none is
        s = self.label_smoothing
        return (1 - s) * target + s / output.shape[1] if s else target

    def __repr__(self) -> str:
        return f"CrossEntropyLoss({self.reduction!r}, label_smoothing={self.label_smoothing})"
