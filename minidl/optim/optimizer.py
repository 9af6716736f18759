"""Optimizer: the base class. An update is a few in-place operations on whole vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from minidl.nn.memory import Memory, each_step, outside_recording
from minidl.nn.module import Module

# A hyper-parameter as the user gives it: one number, or one per network of a stack.
Number = float | Sequence[float]
# As it is kept: numbers that depend on the step are computed from these in float64.
Value = float | Tensor


class Optimizer(Memory):
    """Changes a network's parameters θ along their gradients g.

    Makes the network's flat vector its own (RuntimeError if another optimizer holds it already).
    `step()` = `advance()`, Python's part: count, compute the numbers of this step; and `update()`,
    the tensor part. Hyper-parameters may be one number or one per network of a stack; `vectors` is
    what it remembers from step to step, in the layout of the flat vector.
    """

    # Lowest and highest value of each hyper-parameter; the highest itself is excluded.
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {}

    def __init__(self, network: Module, **hyperparameters: Number) -> None:
        super().__init__()
        networks = network.networks
        self.hyperparameters: dict[str, Value] = {
            name: _value(name, given, networks, self.ranges.get(name, (0.0, math.inf)))
            for name, given in hyperparameters.items()
        }
        self.flat = network.flatten()
        self.flat.hold(f"the optimizer {type(self).__name__}")
        self.steps = 0
        self.vectors: dict[str, Tensor] = {}
        self._numbers: dict[str, Tensor] = {}
        self._written: dict[str, Value] = {}  # what they hold
        self._stale = True

    # What a subclass says.

    def numbers(self) -> dict[str, Value]:
        """The numbers that `update` reads as tensors, for step number `self.steps` (from 1)."""
        return self.hyperparameters

    @property
    def depends_on_step(self) -> bool:
        """Whether `numbers()` changes from step to step."""
        return False

    def update(self) -> None:
        """Change the parameters; only tensor calls that can be recorded."""
        raise NotImplementedError

    # What everyone calls.

    def step(self) -> None:
        """Update the parameters once along the present gradients."""
        each_step(self.advance)
        self.update()

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        self.flat.grad.zero_()

    @property
    def lr(self) -> Any:
        """The learning rate: a float, or a list with one per network. May be set at any time."""
        value = self.hyperparameters["lr"]
        return value if isinstance(value, float) else value.tolist()

    @lr.setter
    def lr(self, given: Number) -> None:
        value = _value("lr", given, self.flat.networks, self.ranges["lr"])
        if isinstance(value, Tensor) != isinstance(self.hyperparameters["lr"], Tensor):
            raise ValueError("lr must stay what it was: one number, or one per network")
        self.hyperparameters["lr"] = value
        self._stale = True

    # What update() is written with.

    def number(self, name: str) -> Tensor:
        """One of `numbers()` as a tensor: of shape (), or spread over the vector."""
        if name not in self._numbers:
            per_network = isinstance(self.numbers()[name], Tensor)
            with outside_recording():
                like = self.flat.data
                self._numbers[name] = self.flat.zeros() if per_network else like.new_zeros(())
            self._write(name, self.numbers()[name])
        return self._numbers[name]

    def vector(self, name: str, value: float = 0.0) -> Tensor:
        """What is remembered under that name; `value` everywhere at first."""
        if name not in self.vectors:
            with outside_recording():
                self.vectors[name] = self.flat.zeros().fill_(value)
        return self.vectors[name]

    def temporary(self, name: str) -> Tensor:
        """A vector for an intermediate result."""
        return self.scratch(name, self.flat.data)

    def any(self, name: str) -> bool:
        """Whether a hyper-parameter is other than 0, for at least one network."""
        value = self.hyperparameters[name]
        if isinstance(value, Tensor):
            with outside_recording():  # it stays as it is: only the rates change
                return bool((value != 0).any())
        return value != 0

    def advance(self) -> None:
        """Count the step and bring the numbers that depend on it up to date."""
        self.steps += 1
        if self._stale or self.depends_on_step:
            for name, value in self.numbers().items():
                # Writing takes longer than computing: a whole vector, for a number per network.
                if name in self._numbers and not _same(value, self._written[name]):
                    self._write(name, value)
            self._stale = False

    def _write(self, name: str, value: Value) -> None:
        self._written[name] = value
        with outside_recording():
            if isinstance(value, Tensor):
                self.flat.per_network(value, out=self._numbers[name])
            else:
                # Beyond float32's range it is infinite, as tensors have it: the run diverges.
                largest = torch.finfo(self.flat.data.dtype).max
                self._numbers[name].fill_(value if abs(value) <= largest else math.inf * value)

    # What a recording's check needs (see nn.memory.each_step).

    def step_state(self) -> dict[str, Any]:
        """Step count and rate."""
        return {"steps": self.steps, "lr": self.lr}

    def restore_step_state(self, state: dict[str, Any]) -> None:
        """Go back to such a state."""
        self.steps = state["steps"]
        self.lr = state["lr"]

    def disturb_step_state(self) -> None:
        """Go on as a later step with another rate would."""
        self.steps += 3
        self.lr = [0.7 * rate for rate in self.lr] if isinstance(self.lr, list) else 0.7 * self.lr

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={_plain(v)}" for name, v in self.hyperparameters.items())
        return f"{type(self).__name__}({options})"


def _value(name: str, given: Number, networks: int | None, bounds: tuple[float, float]) -> Value:
    """Check a hyper-parameter and keep it as a float, or (T,) float64."""
    low, high = bounds
    for one in [given] if isinstance(given, int | float) else given:
        if not low <= one < high:
            limit = f"and < {high:g}" if high < math.inf else "and finite"
            raise ValueError(f"{name} must be >= {low:g} {limit}, but got {one}")
    if isinstance(given, int | float):
        return float(given)
    if networks is None or len(given) != networks:
        raise ValueError(f"{name} has {len(given)} values, for {networks or 1} network(s)")
    return torch.tensor(given, dtype=torch.float64)


def _same(a: Value, b: Value) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.equal(a, b)
    return bool(a == b)


def _plain(value: Value) -> Any:
    return value.tolist() if isinstance(value, Tensor) else value
