"""How weights start."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from minidl.spec.component import Component, Expect, Group
from minidl.spec.file_data import Digest
from minidl.spec.paths import STDIN

LayerNames = tuple[Annotated[str, Expect("a layer's name", "names of layers")], ...]


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


class OrthogonalInit(_ScaledInit):
    """Weights gain·Q, Q with orthonormal rows or columns (Saxe et al. 2014), biases 0."""

    type: Literal["orthogonal"] = "orthogonal"


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
    | OrthogonalInit
    | NormalInit
    | ZerosInit
    | ConstantInit
)
_HOW = "How the weights of the linear layers start."
Init = Annotated[AnyInit, Field(discriminator="type"), Group("init", "an init", AnyInit, _HOW)]


class FromInit(Component):
    """The weights of another network, layer by layer, by their names (the model's init alone)."""

    short: ClassVar[str] = "path"

    type: Literal["from"] = "from"
    path: Path = Field(
        description="A run's folder, or a .safetensors or .pt file of weights by name, as exported."
    )
    new: LayerNames = Field(
        (), description="Layers that aren't taken from there but drawn: a new head."
    )
    new_init: Init = Field(UniformInit(), description="How these start, if a layer doesn't say.")
    sha256: Digest | None = Field(None, description="The hash of the weights that are meant.")

    def rules(self) -> Iterator[tuple[str, str]]:
        if self.path == STDIN:
            yield "path", "weights can't be read from standard input: save a file"


AnyModelInit = AnyInit | FromInit
ModelInit = Annotated[
    AnyModelInit, Field(discriminator="type"), Group("init", "an init", AnyModelInit, _HOW)
]
