"""Residual: modules that learn what to add to their input."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from minidl.nn.module import Module
from minidl.nn.sequential import Sequential
from minidl.nn.shape import times


class Residual(Module):
    """y = x + f(x)        dx = dy + the backward of f for dy        (He et al. 2016)

    f is the given modules one after the other, as in Sequential; its output has its input's shape.
    """

    prefix = "res"

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        self.inner = Sequential(*modules)

    def forward(self, x: Tensor) -> Tensor:
        change = self.inner.forward(x)
        if change.shape != x.shape:
            raise ValueError(
                f"a Residual's modules must keep the shape, but they turn {tuple(x.shape)} into "
                f"{tuple(change.shape)}"
            )
        return x + change

    def backward(self, grad_output: Tensor) -> Tensor:
        return grad_output + self.inner.backward(grad_output)

    def children(self) -> Sequence[Module]:
        return [self.inner]

    def named_children(self) -> list[tuple[str, Module]]:
        return self.inner.named_children()

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        shape = self.inner.output_shape(input_shape)
        if shape != input_shape:
            raise ValueError(
                f"a Residual's modules must keep the shape, but they turn {times(input_shape)} "
                f"into {times(shape)}"
            )
        return shape

    def __repr__(self) -> str:
        return repr(self.inner).replace("Sequential", "Residual", 1)
