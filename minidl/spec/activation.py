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


class EluActivation(Named):
    """x where x > 0, else alpha (eˣ − 1)"""

    short: ClassVar[str] = "alpha"

    type: Literal["elu"] = "elu"
    alpha: float = Field(1.0, ge=0, description="How far below 0 it goes.")


class SigmoidActivation(Named):
    """1 / (1 + e⁻ˣ)"""

    type: Literal["sigmoid"] = "sigmoid"


class TanhActivation(Named):
    """tanh x"""

    type: Literal["tanh"] = "tanh"


class GeluActivation(Named):
    """x Φ(x), with the normal distribution function Φ"""

    short: ClassVar[str] = "approximate"

    type: Literal["gelu"] = "gelu"
    approximate: Literal["none", "tanh"] = Field(
        "none", description="How Φ is computed: exactly, or by tanh."
    )


class SiluActivation(Named):
    """x · sigmoid(x)"""

    type: Literal["silu"] = "silu"


class MishActivation(Named):
    """x · tanh(ln(1 + eˣ))"""

    type: Literal["mish"] = "mish"


class SoftplusActivation(Named):
    """ln(1 + e^(beta x)) / beta, a smooth ReLU"""

    short: ClassVar[str] = "beta"

    type: Literal["softplus"] = "softplus"
    beta: float = Field(1.0, gt=0, description="How sharply it bends at 0.")


class SoftmaxActivation(Named):
    """eˣ / Σ eˣ over the features"""

    type: Literal["softmax"] = "softmax"


AnyActivation = (
    ReluActivation
    | LeakyReluActivation
    | EluActivation
    | SigmoidActivation
    | TanhActivation
    | GeluActivation
    | SiluActivation
    | MishActivation
    | SoftplusActivation
    | SoftmaxActivation
)
Activation = Annotated[
    AnyActivation,
    Field(discriminator="type"),
    Group("activation", "an activation", AnyActivation, "The function after a linear layer."),
]
