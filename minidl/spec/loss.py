"""The loss functions."""

from typing import Annotated, Literal

from pydantic import Field

from minidl.spec.component import Component, Fraction, Group


class _Loss(Component):
    reduction: Literal["mean", "sum", "batchmean"] = Field(
        "mean",
        description="mean: over all elements; sum: of all; batchmean: the sum over the batch size.",
    )


class MseLoss(_Loss):
    """Mean squared error, (x − y)²."""

    type: Literal["mse"] = "mse"


class BceLoss(_Loss):
    """Binary cross-entropy of probabilities (end the network with a sigmoid)."""

    type: Literal["bce"] = "bce"


class BceWithLogitsLoss(_Loss):
    """Binary cross-entropy of logits (no sigmoid at the end)."""

    type: Literal["bce_with_logits"] = "bce_with_logits"


class CrossEntropyLoss(_Loss):
    """Cross-entropy of logits over the classes (no softmax at the end)."""

    type: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: Fraction = Field(
        0.0, description="The share of each target that is spread evenly over the classes."
    )


AnyLoss = MseLoss | BceLoss | BceWithLogitsLoss | CrossEntropyLoss
Loss = Annotated[
    AnyLoss,
    Field(discriminator="type"),
    Group("loss", "a loss", AnyLoss, "What training makes small."),
]
