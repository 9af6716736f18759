"""The layers of a sequential model: their classes, with the sizes that follow from the input."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from minidl import nn
from minidl.build.options import options, problem
from minidl.data.encoding import Encoding
from minidl.nn.init import INITIALIZERS
from minidl.nn.shape import times
from minidl.spec import Spec

Shape = tuple[int, ...]
NamedModule = tuple[str | None, nn.Module]

ACTIVATIONS: dict[str, Callable[..., nn.Activation]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softmax": nn.Softmax,
}
# Their first argument is the number of the input's channels.
CONVOLUTIONS: dict[str, Callable[..., nn.Module]] = {
    "conv2d": nn.Conv2d,
    "conv_transpose2d": nn.ConvTranspose2d,
    "upsampling": nn.UpsampleConv2d,
}
# Nothing about them is inferred.
PLAIN: dict[str, Callable[..., nn.Module]] = {
    "upsample": nn.Upsample,
    "max_pool2d": nn.MaxPool2d,
    "avg_pool2d": nn.AvgPool2d,
    "global_avg_pool2d": nn.GlobalAvgPool2d,
    "flatten": nn.Flatten,
    **ACTIVATIONS,
}


# With gradient and moments 1.6 GB; more is a typing mistake, more likely.
MOST_PARAMETERS = 100_000_000
MOST_OUTPUTS = 2**26  # of a layer, for one sample: 256 MiB in float32


class Budget:
    """Counts the parameters of a network before their memory is asked for."""

    def __init__(self) -> None:
        self.spent = 0

    def spend(self, parameters: int) -> None:
        """Raises ValueError once there are too many."""
        self.spent += parameters
        if self.spent > MOST_PARAMETERS:
            raise ValueError(
                f"makes {self.spent:,} parameters, more than the {MOST_PARAMETERS:,} that are"
                " trained"
            )


def sequential_layers(spec: Spec, input_shape: Shape, encoding: Encoding) -> list[NamedModule]:
    """The modules with the names that the config gives them.

    Raises ConfigError where one can't take what the one before it returns.
    """
    layers: Any = spec.model.layers  # type: ignore[union-attr]
    return _Builder(spec, encoding).chain("model.layers", layers, input_shape)[0]


def numbered(layers: Sequence[NamedModule]) -> dict[str, nn.Module]:
    """The modules by name; those without one are numbered by kind."""
    numbers = nn.Sequential(*[module for _, module in layers]).named_children()
    return {
        own or number: module for (own, module), (number, _) in zip(layers, numbers, strict=True)
    }


def make_activation(activation: Any) -> nn.Activation:
    return ACTIVATIONS[activation.type](**options(activation))


def make_initializer(init: Any) -> nn.Initializer:
    return INITIALIZERS[init.type](**options(init))


class _Builder:
    def __init__(self, spec: Spec, encoding: Encoding) -> None:
        self.spec, self.encoding, self.budget = spec, encoding, Budget()

    def chain(
        self, key: str, layers: Sequence[Any], shape: Shape
    ) -> tuple[list[NamedModule], Shape]:
        """The layers as modules one after the other, and their output's shape."""
        named = []
        for index, layer in enumerate(layers):
            place = f"{key}[{index}]"
            try:
                module = self.module(place, layer, shape)
                shape = module.output_shape(shape)
                if math.prod(shape) > MOST_OUTPUTS:
                    raise ValueError(f"gives {times(shape)} numbers per sample, too many to hold")
            except ValueError as error:
                raise problem(self.spec, place, self.hinted(str(error))) from error
            named.append((layer.name, module))
        return named, shape

    def hinted(self, message: str) -> str:
        """With what to do where a layer needs images, and the data could be."""
        rows = getattr(self.spec.data, "images", True) is False
        return message + "; set data.images: true" * (rows and "takes images" in message)

    def module(self, key: str, layer: Any, shape: Shape) -> nn.Module:
        """One layer. Raises ValueError where it can't take the shape."""
        if layer.type == "residual":
            return nn.Residual(numbered(self.chain(f"{key}.layers", layer.layers, shape)[0]))
        if layer.type == "dropout":
            return nn.Dropout(layer.p)
        if layer.type == "linear":
            return self.linear(layer, shape)
        if layer.type in CONVOLUTIONS:
            return self.convolution(layer, shape)
        if layer.type == "batch_norm":
            return self.batch_norm(layer, shape)
        if layer.type == "layer_norm":
            normalized = layer.normalized_shape or shape
            self.budget.spend(normalized if isinstance(normalized, int) else math.prod(normalized))
            return nn.LayerNorm(layer.normalized_shape or shape, layer.eps)
        return PLAIN[layer.type](**options(layer))

    def linear(self, layer: Any, shape: Shape) -> nn.Module:
        if len(shape) != 1:
            raise ValueError(
                f"linear takes one row of numbers per sample, but gets {times(shape)}: "
                "put a flatten layer before it"
            )
        outputs = layer.out_features or self.encoding.outputs
        self.budget.spend(shape[0] * outputs)
        return nn.Linear(shape[0], outputs, layer.bias, init=_own_init(layer))

    def convolution(self, layer: Any, shape: Shape) -> nn.Module:
        if len(shape) != 3:
            raise ValueError(
                f"{layer.type} takes images (channels, height, width), but gets {times(shape)}"
            )
        size = layer.kernel_size
        kernel = size**2 if isinstance(size, int) else math.prod(size)
        self.budget.spend(shape[0] * layer.out_channels * kernel)
        given = {**options(layer), "init": _own_init(layer)}
        return CONVOLUTIONS[layer.type](shape[0], **given)

    def batch_norm(self, layer: Any, shape: Shape) -> nn.Module:
        if len(shape) > 3:
            raise ValueError(f"batch_norm takes rows or images, but gets {times(shape)}")
        norm = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
        return norm(shape[0], **options(layer))


def _own_init(layer: Any) -> nn.Initializer | None:
    """The layer's own initialiser, if it has one."""
    return make_initializer(layer.init) if layer.init else None
