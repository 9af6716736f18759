"""The activations."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from minidl.spec.component import Component, Expect, Group

LayerName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"),
    Expect("a name of letters, digits and _ that starts with no digit"),
]


class Named(Component):
    """A layer, which may have a name."""

    name: LayerName | None = Field(
        None, description="The layer's name in the network; numbered by kind if left out."
    )


class ReluActivation(Named):
    """max(0, x)"""

    type: Literal["relu"] = "relu"


class LeakyReluActivation(Named):
    """x where x > 0, else negative_slope · x"""

    short: ClassVar[str] = "negative_slope"

    type: Literal["leaky_relu"] = "leaky_relu"
    negative_slope: float = Field(0.01, ge=0, description="The slope where x < 0.")


class SigmoidActivation(Named):
    """1 / (1 + e⁻ˣ)"""

    type: Literal["sigmoid"] = "sigmoid"


class TanhActivation(Named):
    """tanh x"""

    type: Literal["tanh"] = "tanh"


class GeluActivation(Named):
    """x Φ(x), with the normal distribution function Φ"""

    type: Literal["gelu"] = "gelu"


class SiluActivation(Named):
    """x · sigmoid(x)"""

    type: Literal["silu"] = "silu"


class SoftmaxActivation(Named):
    """eˣ / Σ eˣ over the features"""

    type: Literal["softmax"] = "softmax"


AnyActivation = (
    ReluActivation
    | LeakyReluActivation
    | SigmoidActivation
    | TanhActivation
    | GeluActivation
    | SiluActivation
    | SoftmaxActivation
)
Activation = Annotated[
    AnyActivation,
    Field(discriminator="type"),
    Group("activation", "an activation", AnyActivation, "The function after a linear layer."),
]
