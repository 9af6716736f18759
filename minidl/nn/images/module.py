"""The base class of layers that take images; Flatten, which turns them into rows."""

from __future__ import annotations

import inspect
import math
from typing import Any

from torch import Tensor

from minidl.nn.module import Module
from minidl.nn.shape import times

LAST = ("output_padding", "mode", "bias")  # where a repr shows them


class Described(Module):
    """A module whose repr shows those of its constructor's arguments that aren't the defaults."""

    def __repr__(self) -> str:
        given = {**vars(self), "bias": getattr(self, "bias", None) is not None}
        parameters = inspect.signature(type(self)).parameters
        texts = []
        for name in sorted([*parameters], key=LAST.__contains__):
            if name != "init" and (value := short(given[name])) != short(parameters[name].default):
                bare = name in (next(iter(parameters)), "out_channels")
                texts.append(value if bare else f"{name}={value}")
        return f"{type(self).__name__}({', '.join(texts)})"


class ImageModule(Described):
    """A layer on images, (N, C, H, W). A subclass gives `image_shape`."""

    takes = "images (N, C, H, W)"

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        super().output_shape(input_shape)
        try:
            return self.image_shape(*input_shape)
        except ValueError as error:
            raise ValueError(f"{self} can't take {times(input_shape)}: {error}") from None

    def image_shape(self, channels: int, height: int, width: int) -> tuple[int, ...]:
        """Shape of one sample's output. Raises ValueError saying why it can't be."""
        raise NotImplementedError

    def output_size(self, x: Tensor) -> tuple[int, ...]:
        """Height and width of the output, for a batch. Raises ValueError for a wrong shape."""
        return self.output_shape(tuple(x.shape[1:]))[1:]


class Flatten(Module):
    """y = each sample of x as one row        dx = dy as x was

    Shapes: x (N, a, b, ...), y (N, a·b·…).
    """

    prefix = "flatten"
    takes = "(N, ..., L)"

    def forward(self, x: Tensor) -> Tensor:
        self.shape = x.shape
        return x.flatten(1)

    def backward(self, grad_output: Tensor) -> Tensor:
        return grad_output.reshape(self.shape)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (math.prod(super().output_shape(input_shape)),)


def short(value: Any) -> str:
    """A value for a message; of a pair of equal numbers one."""
    equal = isinstance(value, tuple) and value[0] == value[1]
    return repr(value[0] if equal else value)
