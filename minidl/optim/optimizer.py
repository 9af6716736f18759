"""Optimizer: the base class. An update is a few operations on whole vectors."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from minidl.host import each_step
from minidl.nn.module import Module
from minidl.nn.parameter import Span

OF_THE_RATE = {"lr", "kept"}  # the numbers that depend on the rate
BELOW_ONE = {"momentum", "alpha", "beta1", "beta2"}  # the other hyper-parameters are finite


class Optimizer:
    """Changes a network's parameters θ along their gradients g.

    Makes the network's flat vector its own (RuntimeError if another optimizer holds it already).
    `step()` is `advance()` (in Python: count the step, compute its numbers in float64), and then
    `update()` (tensor calls alone). `vectors` is what it remembers from step to step, in the layout
    of the flat vector. An option that is 0 (momentum, weight decay) isn't part of the update.

    g ← g + λ₁ sign(θ) first                                `l1` λ₁, an L1 penalty

    Parameters that are frozen stay as they are, without weight decay. Where some have a factor at
    the rate, each `Span` of the vectors is updated with a rate η of its own, and so are the numbers
    that depend on it: `lr_1`, `kept_1`.
    """

    step_dependent: tuple[str, ...] = ()  # which of the numbers depend on t
    decoupled = False

    def __init__(self, network: Module, **hyperparameters: float) -> None:
        self.hyperparameters = {name: checked(name, x) for name, x in hyperparameters.items()}
        self.flat = network.flatten()
        self.flat.hold(f"the optimizer {type(self).__name__}")
        self.spans = self.flat.spans()
        if not self.spans:
            raise ValueError("all parameters are frozen: there is nothing to train")
        self.lr_factors = tuple(span.lr_factor for span in self.spans if span.number)
        self.steps = 0
        self.vectors: dict[str, Tensor] = {}
        self.number_tensors = {name: self.flat.data.new_zeros(()) for name in self.numbers(1.0)}
        self._written: dict[str, float] = {}  # what they hold
        self._write(self.numbers(1.0))

    def numbers(self, t: Any) -> dict[str, Any]:
        """The numbers that `update` reads, for step number t (from 1), a float or a NumPy array."""
        found = self.numbers_with(self.hyperparameters, t)
        for number, factor in enumerate(self.lr_factors, 1):
            own = self.numbers_with({**self.hyperparameters, "lr": self.lr * factor}, t)
            found |= {f"{name}_{number}": own[name] for name in ("lr", "kept") if name in own}
        return found

    def numbers_with(self, hyper: dict[str, float], t: Any) -> dict[str, Any]:
        """Those of parameters with these hyper-parameters."""
        return {**hyper}

    def update(self) -> None:
        """Change the parameters; only tensor calls."""
        for span in self.spans:
            self.change(span.of(self.flat.data), self.decayed(span), span)

    def change(self, theta: Tensor, g: Tensor, span: Span) -> None:
        """Change the parameters θ of a span along their gradients g, decayed already."""
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
        self.hyperparameters["lr"] = checked("lr", rate)

    def bind(self, vectors: Mapping[str, Tensor], numbers: Mapping[str, Tensor]) -> None:
        """Make these very tensors the `vectors` and the `number_tensors`."""
        self.vectors, self.number_tensors, self._written = dict(vectors), dict(numbers), {}

    def number(self, name: str, span: Span | None = None) -> Tensor:
        """One of `numbers`, where it depends on the rate that of a span; a tensor of shape ()."""
        own = f"_{span.number}" if span and span.number and name in OF_THE_RATE else ""
        return self.number_tensors[name + own]

    def span_of(self, place: int) -> Span | None:
        """The span that an entry of the flat vectors belongs to; None where it is frozen."""
        whole = range(self.flat.size)
        return next((one for one in self.spans if place in whole[one.place]), None)

    def remember(self, name: str, value: float = 0.0) -> None:
        """Have a vector of that name, `value` everywhere at first; infinite beyond its range."""
        everywhere = torch.full(self.flat.data.shape, value, dtype=torch.float64)
        self.vectors[name] = everywhere.to(self.flat.data)

    def decayed(self, span: Span) -> Tensor:
        """The gradient with its penalties, g + λ₁ sign θ + λ θ; if `decoupled`, θ shrinks for λ."""
        theta, g = span.of(self.flat.data), span.of(self.flat.grad)
        if not span.penalized:
            return g
        if self.hyperparameters["l1"]:
            g = g + self.number("l1") * theta.sign()
        if not self.hyperparameters["weight_decay"]:
            return g
        if not self.decoupled:
            return g + self.number("weight_decay") * theta
        theta *= self.number("kept", span)
        return g

    def _write(self, numbers: Mapping[str, float]) -> None:
        for name, value in numbers.items():
            if self._written.get(name) != value:
                self._written[name] = value
                # Beyond float32's range it becomes infinite: the run diverges.
                self.number_tensors[name].copy_(torch.tensor(value, dtype=torch.float64))

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value}" for name, value in self.hyperparameters.items())
        return f"{type(self).__name__}({options})"


def checked(name: str, value: float) -> float:
    """The value; ValueError where a hyper-parameter of that name can't have it."""
    high, limit = (1.0, "and < 1") if name in BELOW_ONE else (math.inf, "and finite")
    if not 0 <= value < high:
        raise ValueError(f"{name} must be >= 0 {limit}, but got {value}")
    return float(value)
