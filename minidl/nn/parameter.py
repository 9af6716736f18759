"""Parameters, and the one flat vector in which all parameters of a network live."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from minidl.plural import plural


class Parameter:
    """A tensor that training changes, and its gradient: views into a `Flat` once there is one.

    An optimizer leaves it alone where it is `frozen`; `lr_factor` makes its rate another than the
    optimizer's own; weight decay and L1 penalty concern what is `penalized`. All are chosen before
    the optimizer is made.
    """

    def __init__(self, data: Tensor) -> None:
        self.frozen, self.penalized = False, True
        self.lr_factor: float | None = None
        self.shape = tuple(data.shape)
        self.held_by: str | None = None  # who relies on the memory staying where it is
        self.bind(data, torch.zeros_like(data))

    def bind(self, data: Tensor, grad: Tensor) -> None:
        """Live in this memory from now on; the values there count."""
        self._data, self._grad = data, grad

    @property
    def data(self) -> Tensor:
        return self._data

    @data.setter
    def data(self, values: Tensor) -> None:
        if values is not self._data:  # as after `data += …`
            self._data.copy_(values)  # so that a view stays a view

    @property
    def grad(self) -> Tensor:
        return self._grad

    @grad.setter
    def grad(self, values: Tensor) -> None:
        if values is not self._grad:
            self._grad.copy_(values)

    def refuse_if_held(self) -> None:
        """Raise RuntimeError if an optimizer relies on the present memory."""
        if self.held_by:
            raise RuntimeError(
                f"the parameters can't be moved any more: {self.held_by} holds their memory. "
                "Choose dtype and device before making the optimizer."
            )

    def __repr__(self) -> str:
        return f"Parameter({list(self.shape)})"


@dataclass(frozen=True)
class Span:
    """Neighbouring parameters that an optimizer updates alike: their place in the flat vectors.

    number: 0 where the rate is the optimizer's own, else which of those with a factor, from 1.
    penalized: whether weight decay and L1 penalty concern them.
    """

    place: slice
    number: int = 0
    lr_factor: float = 1.0
    penalized: bool = True

    def of(self, vector: Tensor) -> Tensor:
        """Their part of a vector, a view."""
        return vector if self.place == slice(None) else vector[self.place]


class Flat:
    """All parameters of a network in one vector `data`, | W₁ | b₁ | W₂ | …; gradients in `grad`.

    Making a Flat moves the parameters into it (RuntimeError if something holds their memory).
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        if not parameters:
            raise ValueError("a network without parameters has nothing to train")
        for parameter in parameters:
            parameter.refuse_if_held()
        self.parameters = list(parameters)
        data = torch.cat([parameter.data.reshape(-1) for parameter in parameters])
        self.size = data.numel()
        self.bind(data, torch.zeros_like(data))

    def bind(self, data: Tensor, grad: Tensor) -> None:
        """Make these very vectors the parameters' memory; the values there count."""
        self.data, self.grad = data, grad
        sizes = [math.prod(parameter.shape) for parameter in self.parameters]
        parts = torch.split(data, sizes), torch.split(grad, sizes)
        for parameter, values, grads in zip(self.parameters, *parts, strict=True):
            parameter.bind(values.view(parameter.shape), grads.view(parameter.shape))

    def described(self) -> str:
        """How many there are: `1,351 parameters, 650 of them frozen`."""
        frozen = sum(math.prod(one.shape) for one in self.parameters if one.frozen)
        return plural(self.size, "parameter") + (f", {frozen:,} of them frozen" if frozen else "")

    def spans(self) -> list[Span]:
        """What is trained, in order; a parameter with a factor is a span of its own."""
        found: list[Span] = []
        end = number = 0
        for parameter in self.parameters:
            start, end = end, end + math.prod(parameter.shape)
            penalized = parameter.penalized
            if parameter.frozen:
                continue
            if parameter.lr_factor is not None:
                number += 1
                found.append(Span(slice(start, end), number, parameter.lr_factor, penalized))
                continue
            first = found[-1].place.start if found else 0
            if found and found[-1] == Span(slice(first, start), penalized=penalized):
                found.pop()
                start = first
            found.append(Span(slice(start, end), penalized=penalized))
        return [Span(slice(None))] if found == [Span(slice(0, self.size))] else found

    def trained_gradients(self) -> list[Tensor]:
        """The gradients of what is trained, as views."""
        return [span.of(self.grad) for span in self.spans()]

    def hold(self, holder: str) -> None:
        """Say that `holder` relies on this memory: it can't be moved any more."""
        for parameter in self.parameters:
            parameter.held_by = holder
