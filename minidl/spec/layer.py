"""The layers of a sequential model."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from minidl.spec.activation import AnyActivation, Named
from minidl.spec.component import Fraction, Group
from minidl.spec.init import Init


class LinearLayer(Named):
    """Fully connected: y = x Wᵀ + b; the number of inputs is inferred."""

    short: ClassVar[str] = "out_features"

    type: Literal["linear"] = "linear"
    out_features: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="The number of outputs; the last linear layer's may be left out.",
    )
    bias: bool = Field(True, description="Whether to add b.")
    init: Init | None = Field(None, description="How the weights start; the model's if left out.")


class DropoutLayer(Named):
    """In training, zeroes each value with probability p and scales the others by 1/(1 − p)."""

    short: ClassVar[str] = "p"

    type: Literal["dropout"] = "dropout"
    p: Fraction = Field(0.5, description="The probability of a zero.")


class FlattenLayer(Named):
    """Turns each sample into one row of features."""

    type: Literal["flatten"] = "flatten"


AnyLayer = LinearLayer | DropoutLayer | FlattenLayer | AnyActivation
Layer = Annotated[
    AnyLayer,
    Field(discriminator="type"),
    Group(
        "layer", "a layer", AnyLayer, "One layer of a sequential model; any activation is one too."
    ),
]
