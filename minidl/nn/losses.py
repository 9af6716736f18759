"""Losses: how wrong an output is, averaged over one network's own samples.

`forward(output, target)` returns one value, or T of them for a stack; `backward()` the gradient for
the output. `reduction` says what the sum of the terms is divided by: "mean" by their number,
"batchmean" by the number of samples, "sum" by nothing.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import torch
from torch import Tensor

from minidl.nn.memory import Memory, memory_order
from minidl.nn.products import row_dots

Reduction = Literal["mean", "sum", "batchmean"]


class Loss(Memory):
    """Base class. Outputs are (N, ...) for one network, (T, N, ...) for a stack (`stack(T)`)."""

    # Whether the sum over a sample's outputs is one term (cross-entropy) or many (MSE).
    terms_per_sample: ClassVar[Literal["one", "each output"]] = "each output"

    def __init__(self, reduction: Reduction = "mean") -> None:
        if reduction not in ("mean", "sum", "batchmean"):
            raise ValueError(f"reduction must be mean, sum or batchmean, but got {reduction!r}")
        super().__init__()
        self.reduction = reduction
        self.networks: int | None = None

    def stack(self, networks: int | None) -> Self:
        """Expect outputs of a stack of `networks`, or of one network (None)."""
        self.networks = networks
        self.forget_buffers()
        return self

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss, shape () for one network or (T,); valid until the next forward."""
        raise NotImplementedError

    def backward(self) -> Tensor:
        """∂L/∂output of the last forward; of the output's shape, valid until the next forward."""
        raise NotImplementedError

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        return self.forward(output, target).clone()

    def scale(self, output: Tensor) -> float:
        """What the sum of one network's terms is multiplied with."""
        samples = output.shape[0 if self.networks is None else 1]
        terms = output.numel() // (self.networks or 1)
        if self.reduction == "sum":
            return 1.0
        if self.reduction == "batchmean" or self.terms_per_sample == "one":
            return 1 / samples
        return 1 / terms

    def total(self, a: Tensor, b: Tensor, scale: float) -> Tensor:
        """scale · Σ a · b over each network's own entries; a and b in one order of memory."""
        rows = self.networks or 1
        value = self.buffer("value", (rows,), a)
        order = memory_order(a)
        a, b = (x.permute(order).view(rows, -1) for x in (a, b))
        row_dots(a, b, scale, out=value)
        return value if self.networks is not None else value[0]

    def check_shapes(self, output: Tensor, target: Tensor) -> None:
        """Raise ValueError where broadcasting would hide a mistake."""
        if output.shape != target.shape:
            raise ValueError(
                f"{self} needs a target of the output's shape {tuple(output.shape)}, "
                f"but got {tuple(target.shape)}"
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.reduction!r})"


class MSELoss(Loss):
    """L = Σ (y − t)² / n        dL/dy = 2 (y − t) / n"""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        self.check_shapes(output, target)
        self.difference = torch.sub(output, target, out=self.scratch("difference", output))
        return self.total(self.difference, self.difference, self.scale(output))

    def backward(self) -> Tensor:
        difference = self.difference
        factor = self.constant(2 * self.scale(difference), difference)
        return torch.mul(difference, factor, out=self.scratch("g", difference))


class BCELoss(Loss):
    """Binary cross-entropy of probabilities p with targets t in [0, 1].

    L = −Σ (t log p + (1 − t) log(1 − p)) / n        dL/dp = (p − t) / (p (1 − p)) / n
    Logarithms are clamped at −100 and p (1 − p) at 1e-12, as PyTorch does.
    """

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        self.check_shapes(output, target)
        self.p, self.target = output, target
        log_p = torch.log(output, out=self.scratch("log_p", output)).clamp_min_(-100)
        log_q = torch.neg(output, out=self.scratch("log_q", output)).log1p_().clamp_min_(-100)
        terms = log_p.sub_(log_q).mul_(target).add_(log_q)
        ones = self.scratch("ones", output, fill=1.0)
        return self.total(terms, ones, -self.scale(output))

    def backward(self) -> Tensor:
        p = self.p
        variance = torch.sub(self.constant(1, p), p, out=self.scratch("variance", p)).mul_(p)
        grad = torch.sub(p, self.target, out=self.scratch("g", p))
        return grad.div_(variance.clamp_min_(1e-12)).mul_(self.constant(self.scale(p), p))


class BCEWithLogitsLoss(Loss):
    """Binary cross-entropy of p = σ(z), from the logits z.

    L = Σ (max(z, 0) − z t + log(1 + e^−|z|)) / n        dL/dz = (σ(z) − t) / n
    Finite for logits of any size.
    """

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        self.check_shapes(output, target)
        self.z, self.target = output, target
        softplus = torch.abs(output, out=self.scratch("softplus", output)).neg_().exp_().log1p_()
        terms = torch.maximum(output, self.constant(0, output), out=self.scratch("terms", output))
        terms.add_(softplus).addcmul_(output, target, value=-1)
        ones = self.scratch("ones", output, fill=1.0)
        return self.total(terms, ones, self.scale(output))

    def backward(self) -> Tensor:
        grad = torch.sigmoid(self.z, out=self.scratch("g", self.z))
        return grad.sub_(self.target).mul_(self.constant(self.scale(self.z), self.z))


class CrossEntropyLoss(Loss):
    """Cross-entropy of p = softmax(z), from the logits z, with C classes in the last dimension.

    L = −Σₙ Σᵢ tᵢ log pᵢ / N        dL/dzᵢ = (pᵢ Σⱼ tⱼ − tᵢ) / N,   log p = z − logsumexp(z)
    Targets are class indices (..., N) or probabilities (..., N, C). `label_smoothing` s mixes them
    with the uniform distribution: t ← (1 − s) t + s / C (Szegedy et al. 2016).
    """

    terms_per_sample = "one"

    def __init__(self, reduction: Reduction = "mean", *, label_smoothing: float = 0.0) -> None:
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must be in [0, 1), but got {label_smoothing}")
        super().__init__(reduction)
        self.label_smoothing = label_smoothing

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        self.target = self.probabilities(output, target)
        log_sum = self.buffer("log_sum", (*output.shape[:-1], 1), output)
        torch.logsumexp(output, -1, keepdim=True, out=log_sum)
        self.log_p = torch.sub(output, log_sum, out=self.scratch("log_p", output))
        return self.total(self.target, self.log_p, -self.scale(output))

    def backward(self) -> Tensor:
        weight = self.buffer("weight", (*self.log_p.shape[:-1], 1), self.log_p)
        torch.sum(self.target, -1, keepdim=True, out=weight)
        grad = torch.exp(self.log_p, out=self.scratch("g", self.log_p)).mul_(weight)
        return grad.sub_(self.target).mul_(self.constant(self.scale(grad), grad))

    def probabilities(self, output: Tensor, target: Tensor) -> Tensor:
        """The targets as smoothed probabilities, of the output's shape."""
        spread, classes = self.label_smoothing, output.shape[-1]
        smoothed = self.scratch("target", output)
        if not target.is_floating_point():
            if target.shape != output.shape[:-1]:
                raise ValueError(
                    f"{self} needs class indices of shape {tuple(output.shape[:-1])}, "
                    f"but got {tuple(target.shape)}"
                )
            smoothed.fill_(spread / classes)
            return smoothed.scatter_(-1, target.unsqueeze(-1), 1 - spread + spread / classes)
        self.check_shapes(output, target)
        if not spread and memory_order(target) == memory_order(output):
            return target
        return torch.mul(target, 1 - spread, out=smoothed).add_(spread / classes)

    def __repr__(self) -> str:
        smoothing = f", label_smoothing={self.label_smoothing}" if self.label_smoothing else ""
        return f"CrossEntropyLoss({self.reduction!r}{smoothing})"
