"""The layers of a sequential model."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from minidl.spec.activation import AnyActivation, Named
from minidl.spec.component import Expect, Fraction, Group, one_or_list
from minidl.spec.image_layer import AnyImageLayer
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


class BatchNormLayer(Named):
    """Normalises each feature, or each channel of images, over the batch; then scale and shift."""

    type: Literal["batch_norm"] = "batch_norm"
    eps: float = Field(1e-5, gt=0, description="ε, keeps the denominator from 0.")
    momentum: float = Field(
        0.1, gt=0, le=1, description="A batch's share in the averages that evaluation uses."
    )
    affine: bool = Field(True, description="Whether to learn a scale and a shift.")


_SIZES = Expect("an integer ≥ 1 or a nonempty list of them")
_Count = Annotated[int, Field(ge=1)]
NormalizedShape = Annotated[
    Annotated[_Count, _SIZES, Tag("one")]
    | Annotated[tuple[_Count, ...], Field(min_length=1), _SIZES, Tag("list")],
    Discriminator(one_or_list),
    _SIZES,
]


class LayerNormLayer(Named):
    """Normalises each sample by itself; then a scale and a shift per place."""

    short: ClassVar[str] = "normalized_shape"

    type: Literal["layer_norm"] = "layer_norm"
    normalized_shape: NormalizedShape | None = Field(
        None, description="The sizes of the last dimensions, to normalise over; all if left out."
    )
    eps: float = Field(1e-5, gt=0, description="ε, keeps the denominator from 0.")
    elementwise_affine: bool = Field(True, description="Whether to learn a scale and a shift.")


class RMSNormLayer(Named):
    """Divides each sample by the root of its mean square; then a scale per place."""

    short: ClassVar[str] = "normalized_shape"

    type: Literal["rms_norm"] = "rms_norm"
    normalized_shape: NormalizedShape | None = Field(
        None, description="The sizes of the last dimensions, to normalise over; all if left out."
    )
    eps: float | None = Field(
        None, gt=0, description="ε, keeps the denominator from 0; the dtype's if left out."
    )
    elementwise_affine: bool = Field(True, description="Whether to learn a scale.")


class GroupNormLayer(Named):
    """Normalises each sample over groups of its channels; then a scale and a shift per channel."""

    short: ClassVar[str] = "num_groups"

    type: Literal["group_norm"] = "group_norm"
    num_groups: int = Field(
        ge=1, le=100_000, description="The number of groups; it divides that of the channels."
    )
    eps: float = Field(1e-5, gt=0, description="ε, keeps the denominator from 0.")
    affine: bool = Field(True, description="Whether to learn a scale and a shift.")


class ResidualLayer(Named):
    """y = x + f(x), where f is these layers one after the other; they keep the sample's shape."""

    short: ClassVar[str] = "layers"

    type: Literal["residual"] = "residual"
    layers: "tuple[Layer, ...]" = Field(min_length=1, description="The layers of f.")

    def rules(self) -> Iterator[tuple[str, str]]:
        yield from layer_rules(self.layers)


AnyLayer = (
    LinearLayer
    | AnyImageLayer
    | BatchNormLayer
    | LayerNormLayer
    | RMSNormLayer
    | GroupNormLayer
    | DropoutLayer
    | FlattenLayer
    | ResidualLayer
    | AnyActivation
)
Layer = Annotated[
    AnyLayer,
    Field(discriminator="type"),
    Group(
        "layer", "a layer", AnyLayer, "One layer of a sequential model; any activation is one too."
    ),
]
ResidualLayer.model_rebuild()


def layer_rules(layers: Sequence[Any], last: int | None = None) -> Iterator[tuple[str, str]]:
    """What the layers of a list demand of each other; `last` is the place of the one linear layer
    whose number of outputs may be inferred."""
    names: set[str] = set()
    for index, layer in enumerate(layers):
        if layer.name in names:
            yield f"layers[{index}].name", f"a layer before has the name {layer.name!r} already"
        if layer.name is not None:
            names.add(layer.name)
        if isinstance(layer, LinearLayer) and layer.out_features is None and index != last:
            yield (
                f"layers[{index}].out_features",
                "is missing: expected an integer ≥ 1 "
                "(only the last linear layer's can be inferred)",
            )
