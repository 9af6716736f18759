"""Optimizer: the base class. An update is a few operations on whole vectors."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from minidl.host import each_step
from minidl.nn.module import Module

BELOW_ONE = {"momentum", "alpha", "beta1", "beta2"}  # the other hyper-parameters are finite


class Optimizer:
    """Changes a network's parameters θ along their gradients g.

    Makes the network's flat vector its own (RuntimeError if another optimizer holds it already).
    `step()` = `advance()`, Python's part: count, compute the numbers of this step in float64; and
    `update()`, the tensor part. `vectors` is what it remembers from step to step, in the layout of
    the flat vector. An option that is 0 (momentum, weight decay) isn't part of the update at all.
    """

    step_dependent: tuple[str, ...] = ()  # which of the numbers depend on t
    decoupled = False

    def __init__(self, network: Module, **hyperparameters: float) -> None:
        self.hyperparameters = {name: _checked(name, x) for name, x in hyperparameters.items()}
        self.flat = network.flatten()
        self.flat.hold(f"the optimizer {type(self).__name__}")
        self.steps = 0
        self.vectors: dict[str, Tensor] = {}
        self.number_tensors = {name: self.flat.data.new_zeros(()) for name in self.numbers(1.0)}
        self._written: dict[str, float] = {}  # what they hold
        self._write(self.numbers(1.0))

    def numbers(self, t: Any) -> dict[str, Any]:
        """The numbers that `update` reads, for step number t (from 1), a float or a NumPy array."""
        return self.hyperparameters

    def update(self) -> None:
        """Change the parameters; only tensor calls."""
        raise NotImplementedError

    def step(self) -> None:
        """Update the parameters once along the present gradients."""
        each_step(self.advance)
        self.update()

    def advance(self) -> None:
        """Count the step and bring the numbers up to date."""
        self.steps += 1
        self._write(self.numbers(float(self.steps)))

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        self.flat.grad.zero_()

    @property
    def lr(self) -> float:
        """The learning rate; may be set at any time."""
        return self.hyperparameters["lr"]

    @lr.setter
    def lr(self, rate: float) -> None:
        self.hyperparameters["lr"] = _checked("lr", rate)

    def bind(self, vectors: Mapping[str, Tensor], numbers: Mapping[str, Tensor]) -> None:
        """Make these very tensors the `vectors` and the `number_tensors`."""
        self.vectors, self.number_tensors, self._written = dict(vectors), dict(numbers), {}

    def number(self, name: str) -> Tensor:
        """One of `numbers` as a tensor of shape ()."""
        return self.number_tensors[name]

    def remember(self, name: str, value: float = 0.0) -> None:
        """Have a vector of that name, `value` everywhere at first; infinite beyond its range."""
        everywhere = torch.full(self.flat.data.shape, value, dtype=torch.float64)
        self.vectors[name] = everywhere.to(self.flat.data)

    def decayed(self) -> Tensor:
        """g after weight decay λ: g + λ θ, an L2 penalty; `decoupled` g as it is, and θ shrinks."""
        if not self.hyperparameters["weight_decay"]:
            return self.flat.grad
        if not self.decoupled:
            return self.flat.grad + self.number("weight_decay") * self.flat.data
        self.flat.data *= self.number("kept")
        return self.flat.grad

    def _write(self, numbers: Mapping[str, float]) -> None:
        for name, value in numbers.items():
            if self._written.get(name) != value:
                self._written[name] = value
                # Beyond float32's range it becomes infinite: the run diverges.
                self.number_tensors[name].copy_(torch.tensor(value, dtype=torch.float64))

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value}" for name, value in self.hyperparameters.items())
        return f"{type(self).__name__}({options})"


def _checked(name: str, value: float) -> float:
    high, limit = (1.0, "and < 1") if name in BELOW_ONE else (math.inf, "and finite")
    if not 0 <= value < high:
        raise ValueError(f"{name} must be >= 0 {limit}, but got {value}")
    return float(value)
