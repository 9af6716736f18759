"""The layers of a sequential model: their classes, with the sizes that follow from the input."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from minidl import nn
from minidl.build.options import class_of, options, problem
from minidl.data.encoding import Encoding
from minidl.nn.images.module import ImageModule
from minidl.nn.shape import inferred, times
from minidl.spec import LinearLayer, Spec

Shape = tuple[int, ...]
NamedModule = tuple[str | None, nn.Module]

# What the number of a layer's weights is a product of, beside the kernel's size.
_SIZES = {
    *("in_features", "out_features", "in_channels", "out_channels"),
    *("num_features", "num_channels", "normalized_shape"),
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
                raise problem(self.spec, place, f"{error}{self.hint(layer, shape)}") from error
            named.append((layer.name, module))
        return named, shape

    def hint(self, layer: Any, shape: Shape) -> str:
        """What to do where a layer needs images, and the data could be."""
        if getattr(self.spec.data, "images", True) or len(shape) == 3:
            return ""
        needs_images = issubclass(_class_of(layer, shape), ImageModule)
        return "; set data.images: true" if needs_images else ""

    def module(self, key: str, layer: Any, shape: Shape) -> nn.Module:
        """One layer. Raises ValueError where it can't take the shape."""
        if layer.type == "residual":
            return nn.Residual(numbered(self.chain(f"{key}.layers", layer.layers, shape)[0]))
        kind = _class_of(layer, shape)
        sizes = inferred(kind, shape)
        if "in_features" in sizes and len(shape) != 1:
            raise ValueError(
                f"{layer.type} takes one row of numbers per sample, but gets {times(shape)}: "
                "put a flatten layer before it"
            )
        if "in_channels" in sizes and len(shape) != 3:
            raise ValueError(
                f"{layer.type} takes images (channels, height, width), but gets {times(shape)}"
            )
        given = {**sizes, **options(layer)}
        if isinstance(layer, LinearLayer):
            given.setdefault("out_features", self.encoding.outputs)
        if sizes:
            self.budget.spend(_weights(given))
        module: nn.Module = kind(**given)
        return module


def _class_of(layer: Any, shape: Shape) -> Any:
    if layer.type == "batch_norm":
        return nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
    return class_of(layer)


def _weights(given: Mapping[str, Any]) -> int:
    """How many weights a layer with these arguments has, at most."""
    kernel = given.get("kernel_size", 1)
    kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
    sizes = [x if isinstance(x, tuple) else (x,) for name, x in given.items() if name in _SIZES]
    groups: int = given.get("groups", 1)
    return math.prod(itertools.chain(kernel, *sizes)) // groups
