"""The network."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from minidl.spec.activation import Activation, ReluActivation
from minidl.spec.component import Component, Fraction, Group, Seed, one_or_list
from minidl.spec.init import LayerNames, ModelInit, UniformInit
from minidl.spec.layer import Layer, LinearLayer, layer_rules

MAX_WIDTH, MAX_LAYERS = 100_000, 1000  # a typing mistake shouldn't fill the memory
Width = Annotated[int, Field(ge=1, le=MAX_WIDTH)]
_FREEZE = "Layers whose parameters stay as they start: the optimizer leaves them alone."
Activations = Annotated[
    Annotated[Activation, Tag("one")] | Annotated[tuple[Activation, ...], Tag("list")],
    Discriminator(one_or_list),
]


class MlpModel(Component):
    """Linear layers with an activation after each hidden one: a multi-layer perceptron."""

    short: ClassVar[str] = "hidden"

    type: Literal["mlp"] = "mlp"
    hidden: tuple[Width, ...] = Field((25, 25, 25), description="The width of each hidden layer.")
    activation: Activations = Field(
        ReluActivation(), description="After each hidden layer; a list has one per hidden layer."
    )
    output_activation: Activation | None = Field(None, description="After the last layer.")
    init: ModelInit = Field(UniformInit(), description="How the weights start.")
    dropout: Fraction = Field(0.0, description="The p of a dropout layer after each activation.")
    freeze: LayerNames = Field((), description=_FREEZE)
    bias: bool = Field(True, description="Whether the linear layers have biases.")
    outputs: int | None = Field(
        None, ge=1, description="The number of outputs; by the data and the loss if left out."
    )
    seed: Seed = Field(None, description="Draws the weights; by the run's seed if left out.")

    @property
    def activations(self) -> tuple[Activation, ...]:
        """One activation per hidden layer."""
        if isinstance(self.activation, tuple):
            return self.activation
        return (self.activation,) * len(self.hidden)

    def rules(self) -> Iterator[tuple[str, str]]:
        if len(self.hidden) > MAX_LAYERS:
            yield "hidden", f"has {len(self.hidden):,} layers, more than the {MAX_LAYERS:,} allowed"
        if len(self.activations) != len(self.hidden):
            yield (
                "activation",
                f"expected one activation per hidden layer, that is {len(self.hidden)}, "
                f"but got {len(self.activations)}",
            )
        places = {"output_activation": self.output_activation}
        if isinstance(self.activation, tuple):
            places |= {f"activation[{i}]": each for i, each in enumerate(self.activation)}
        else:
            places["activation"] = self.activation
        for place, activation in places.items():
            if activation is not None and activation.name is not None:
                yield f"{place}.name", "only the layers of a sequential model have names"


class SequentialModel(Component):
    """Any layers, one after the other."""

    short: ClassVar[str] = "layers"

    type: Literal["sequential"] = "sequential"
    layers: tuple[Layer, ...] = Field(min_length=1, description="The layers, first to last.")
    init: ModelInit = Field(
        UniformInit(), description="How the weights start, if a layer doesn't say."
    )
    freeze: LayerNames = Field((), description=_FREEZE)
    seed: Seed = Field(None, description="Draws the weights; by the run's seed if left out.")

    def rules(self) -> Iterator[tuple[str, str]]:
        if len(self.layers) > MAX_LAYERS:
            yield "layers", f"has {len(self.layers):,} layers, more than the {MAX_LAYERS:,} allowed"
        linears = [i for i, layer in enumerate(self.layers) if isinstance(layer, LinearLayer)]
        yield from layer_rules(self.layers, linears[-1] if linears else None)


AnyModel = MlpModel | SequentialModel
Model = Annotated[
    AnyModel, Field(discriminator="type"), Group("model", "a model", AnyModel, "The network.")
]
