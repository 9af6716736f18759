"""The base class of layers that take images; Flatten, which turns them into rows."""

from __future__ import annotations

import math

from torch import Tensor

from minidl.nn.described import Described
from minidl.nn.module import Module
from minidl.nn.shape import times


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
