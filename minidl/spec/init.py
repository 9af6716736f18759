"""How weights start."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from minidl.spec.component import Component, Group


class UniformInit(Component):
    """Weights and biases uniform in ±1/√fan_in, as in PyTorch's Linear."""

    type: Literal["uniform"] = "uniform"


class _ScaledInit(Component):
    short: ClassVar[str] = "gain"

    gain: float | None = Field(
        None, gt=0, description="Scales the weights; by the activation that follows if left out."
    )


class XavierUniformInit(_ScaledInit):
    """Weights uniform in ±gain·√(6/(fan_in + fan_out)) (Glorot and Bengio 2010), biases 0."""

    type: Literal["xavier_uniform"] = "xavier_uniform"


class XavierNormalInit(_ScaledInit):
    """Weights normal, std gain·√(2/(fan_in + fan_out)) (Glorot and Bengio 2010), biases 0."""

    aliases: ClassVar[tuple[str, ...]] = ("xavier",)

    type: Literal["xavier_normal"] = "xavier_normal"


class HeUniformInit(_ScaledInit):
    """Weights uniform in ±gain·√(3/fan_in) (He et al. 2015), biases 0."""

    type: Literal["he_uniform"] = "he_uniform"


class HeNormalInit(_ScaledInit):
    """Weights normal, std gain/√fan_in (He et al. 2015), biases 0."""

    aliases: ClassVar[tuple[str, ...]] = ("he",)

    type: Literal["he_normal"] = "he_normal"


class NormalInit(Component):
    """Weights normal with one mean and standard deviation, biases 0."""

    short: ClassVar[str] = "std"

    type: Literal["normal"] = "normal"
    mean: float = Field(0.0, description="The mean.")
    std: float = Field(0.01, ge=0, description="The standard deviation.")


class ZerosInit(Component):
    """All weights and biases 0: every unit of a layer stays alike (to show why not)."""

    type: Literal["zeros"] = "zeros"


class ConstantInit(Component):
    """All weights one value, biases 0."""

    short: ClassVar[str] = "value"

    type: Literal["constant"] = "constant"
    value: float = Field(description="The value of every weight.")


AnyInit = (
    UniformInit
    | XavierUniformInit
    | XavierNormalInit
    | HeUniformInit
    | HeNormalInit
    | NormalInit
    | ZerosInit
    | ConstantInit
)
Init = Annotated[
    AnyInit,
    Field(discriminator="type"),
    Group("init", "an init", AnyInit, "How the weights of the linear layers start."),
]
