"""Parameters, and the one flat vector in which all parameters of a network live."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


class Parameter:
    """A tensor that training changes, and its gradient: views into a `Flat` once there is one."""

    def __init__(self, data: Tensor) -> None:
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

    def hold(self, holder: str) -> None:
        """Say that `holder` relies on this memory: it can't be moved any more."""
        for parameter in self.parameters:
            parameter.held_by = holder
