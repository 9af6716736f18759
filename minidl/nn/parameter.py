"""Parameters, and the one flat vector in which all parameters of a network live."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from minidl.nn.memory import Memory, recorder


class Parameter:
    """A tensor that training changes, and its gradient.

    `shape` is that of one network; `data` and `grad` are (*shape) for one network and (T, *shape)
    for a stack. Both are views into a `Flat` vector once the network has one.
    """

    def __init__(self, data: Tensor) -> None:
        self.shape = tuple(data.shape)
        self.networks: int | None = None
        # Who relies on the memory staying where it is: an optimizer, a recording.
        self.held_by: str | None = None
        self._data = data
        self._grad = torch.zeros_like(data)

    @property
    def data(self) -> Tensor:
        if recorder():
            self.held_by = self.held_by or "a captured step"
        return self._data

    @data.setter
    def data(self, values: Tensor) -> None:
        self._data.copy_(values)  # so that a view stays a view

    @property
    def grad(self) -> Tensor:
        return self._grad

    @grad.setter
    def grad(self, values: Tensor) -> None:
        self._grad.copy_(values)

    def network(self, index: int) -> Tensor:
        """One network's part of `data` (all of it where there is only one)."""
        return self._data if self.networks is None else self._data[index]

    def move(self, data: Tensor, grad: Tensor, networks: int | None) -> None:
        """Live in this memory from now on; the values there count.

        Raises RuntimeError if an optimizer or a captured step relies on the present memory.
        """
        if self.held_by:
            raise RuntimeError(
                f"the parameters can't be moved any more: {self.held_by} holds their memory. "
                "Choose stack, dtype and device before making the optimizer."
            )
        self._data, self._grad, self.networks = data, grad, networks

    def __repr__(self) -> str:
        stack = f"{self.networks} networks × " if self.networks is not None else ""
        return f"Parameter({stack}{list(self.shape)})"


class Flat(Memory):
    """All parameters of a network in one contiguous vector `data`, their gradients in `grad`.

    For one network the vector is its P numbers, parameter after parameter. For a stack of T it has
    T·P: each parameter's T blocks lie together, so that a batched product can write into them.

        one network      | W₁ | b₁ | W₂ | …
        a stack of T=2   | W₁ W₁' | b₁ b₁' | W₂ W₂' | …

    Making a Flat moves the parameters into it (RuntimeError if something holds their memory).
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        if not parameters:
            raise ValueError("a network without parameters has nothing to train")
        super().__init__()
        like = parameters[0].data
        self.parameters = list(parameters)
        self.networks = parameters[0].networks
        self.size = sum(_numel(parameter.shape) for parameter in parameters)
        total = self.size * (self.networks or 1)
        with torch.inference_mode(False):
            self.data = torch.empty(total, dtype=like.dtype, device=like.device)
            self.grad = torch.zeros_like(self.data)
        start = 0
        for parameter in parameters:
            here = slice(start, start + parameter.data.numel())
            self.data[here] = parameter.data.reshape(-1)
            parameter.move(
                self.data[here].view(parameter.data.shape),
                self.grad[here].view(parameter.data.shape),
                self.networks,
            )
            start = here.stop

    def zeros(self) -> Tensor:
        """A vector of the same layout, for what an optimizer remembers."""
        with torch.inference_mode(False):
            return torch.zeros_like(self.data)

    def blocks(self, vector: Tensor) -> list[Tensor]:
        """`vector` as one (T, numbers) view per parameter (T = 1 for one network)."""
        rows = self.networks or 1
        sizes = [rows * _numel(parameter.shape) for parameter in self.parameters]
        return [part.view(rows, -1) for part in torch.split(vector, sizes)]

    def per_network(self, values: Tensor, out: Tensor | None = None) -> Tensor:
        """T numbers (T,) spread over a vector: each network's own number at each of its entries."""
        out = self.zeros() if out is None else out
        for block in self.blocks(out):
            block.copy_(values.view(-1, 1))
        return out

    def norms(self, vector: Tensor | None = None) -> Tensor:
        """The Euclidean norm of each network's part of `vector` (default: the gradient).

        Shape () for one network, (T,) for a stack; valid until the next call.
        """
        vector = self.grad if vector is None else vector
        rows, blocks = self.networks or 1, len(self.parameters)
        squares = torch.mul(vector, vector, out=self.buffer("squares", vector.shape, vector))
        sums = self.buffer("sums", (blocks, rows), vector)
        for block, total in zip(self.blocks(squares), sums, strict=True):
            torch.sum(block, 1, out=total)
        norms = torch.sum(sums, 0, out=self.buffer("norms", (rows,), vector)).sqrt_()
        return norms if self.networks is not None else norms[0]

    def member(self, index: int, vector: Tensor | None = None) -> Tensor:
        """Network `index`'s P numbers of `vector` (default: the parameters), as a new tensor."""
        vector = self.data if vector is None else vector
        return torch.cat([block[index] for block in self.blocks(vector)])

    def set_member(self, index: int, values: Tensor, vector: Tensor | None = None) -> None:
        """The inverse of `member`: write network `index`'s P numbers into `vector`."""
        blocks = self.blocks(self.data if vector is None else vector)
        parts = torch.split(values, [block.shape[1] for block in blocks])
        for block, part in zip(blocks, parts, strict=True):
            block[index].copy_(part)

    def hold(self, holder: str) -> None:
        """Say that `holder` relies on this memory: it can't be moved any more."""
        for parameter in self.parameters:
            parameter.held_by = holder


def _numel(shape: Sequence[int]) -> int:
    return torch.Size(shape).numel()
