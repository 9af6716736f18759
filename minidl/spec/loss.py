"""The loss functions."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from minidl.spec.component import Component, Expect, Fraction, Group, one_or_mapping

_WEIGHTS = Expect("balanced, or a mapping of classes to weights > 0, such as {yes: 10}")
ClassWeights = Annotated[
    Annotated[Literal["balanced"], _WEIGHTS, Tag("one")]
    | Annotated[dict[str, Annotated[float, Field(gt=0)]], Tag("mapping")],
    Discriminator(one_or_mapping),
    _WEIGHTS,
]


class _Loss(Component):
    reduction: Literal["mean", "sum", "batchmean"] = Field(
        "mean",
        description="mean: over all elements; sum: of all; batchmean: the sum over the batch size.",
    )


class MseLoss(_Loss):
    """Mean squared error, (x − y)²."""

    type: Literal["mse"] = "mse"


class MaeLoss(_Loss):
    """Mean absolute error, |x − y|."""

    type: Literal["mae"] = "mae"


class HuberLoss(_Loss):
    """Squares up to an error of delta, and a line beyond."""

    short: ClassVar[str] = "delta"

    type: Literal["huber"] = "huber"
    delta: float = Field(
        1.0,
        gt=0,
        le=1e38,  # float32 holds no more; it is MSE / 2 long before
        description="Where the line begins, in the unit of (standardized) targets.",
    )


class SmoothL1Loss(_Loss):
    """Huber's divided by beta: an absolute error, rounded off below beta."""

    short: ClassVar[str] = "beta"

    type: Literal["smooth_l1"] = "smooth_l1"
    beta: float = Field(
        1.0,
        gt=0,
        le=1e38,  # as huber's
        description="Where the line begins, in the unit of (standardized) targets.",
    )


class _Weighted(_Loss):
    class_weights: ClassWeights | None = Field(
        None,
        description="How much the samples of each class count, 1 if left out; balanced: N / (C n)"
        " for a class of n of the N training samples. Reported losses are unweighted.",
    )


class BceLoss(_Weighted):
    """Binary cross-entropy of probabilities (end the network with a sigmoid)."""

    type: Literal["bce"] = "bce"


class BceWithLogitsLoss(_Weighted):
    """Binary cross-entropy of logits (no sigmoid at the end)."""

    type: Literal["bce_with_logits"] = "bce_with_logits"
    pos_weight: float | None = Field(
        None,
        gt=0,
        le=1e38,  # float32 holds no more
        description="How much the samples of the second class count: class_weights for that alone.",
    )

    def rules(self) -> Iterator[tuple[str, str]]:
        if self.class_weights is not None and self.pos_weight is not None:
            yield "pos_weight", "excludes class_weights"


class CrossEntropyLoss(_Weighted):
    """Cross-entropy of logits over the classes (no softmax at the end)."""

    type: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: Fraction = Field(
        0.0, description="The share of each target that is spread evenly over the classes."
    )

    def rules(self) -> Iterator[tuple[str, str]]:
        if self.class_weights is not None and self.label_smoothing:
            yield "class_weights", "excludes label_smoothing"


AnyLoss = (
    MseLoss | MaeLoss | HuberLoss | SmoothL1Loss | BceLoss | BceWithLogitsLoss | CrossEntropyLoss
)
Loss = Annotated[
    AnyLoss,
    Field(discriminator="type"),
    Group("loss", "a loss", AnyLoss, "What training makes small."),
]
