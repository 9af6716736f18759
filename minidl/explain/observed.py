"""One step of a training, watched: what went into each layer, what came out, and what followed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from minidl.nn import Module
from minidl.nn.sequential import named_layers
from minidl.train.trainer import Trainer


@dataclass
class Watched:
    """A layer in a step: x and y as they were, dx and dy the gradients for them."""

    name: str
    module: Module
    x: Tensor = field(default_factory=lambda: torch.empty(0))
    y: Tensor = field(default_factory=lambda: torch.empty(0))
    dy: Tensor = field(default_factory=lambda: torch.empty(0))
    dx: Tensor = field(default_factory=lambda: torch.empty(0))


@dataclass
class Observed:
    """A step: its layers in the order in which they ran, and the vectors of all parameters.

    gradient: as backpropagation gave it; used: as clipping left it. numbers: what the optimizer's
    formulas read; vectors: what it remembers.
    """

    target: Tensor
    layers: list[Watched]
    loss: float
    before: Tensor
    gradient: Tensor
    used: Tensor
    after: Tensor
    numbers: dict[str, float]
    vectors_before: dict[str, Tensor]
    vectors: dict[str, Tensor]

    @property
    def output(self) -> Tensor:
        return self.layers[-1].y

    def layer(self, module: Module) -> Watched:
        """Where a module was watched."""
        return next(one for one in self.layers if one.module is module)


def observe(trainer: Trainer, rows: Tensor, *, done: int = 0) -> Observed:
    """Take the trainer's next step on these samples, as it stands in Python, and put all back.

    The modules keep what their forward pass left in them. `done`: the steps of this epoch that
    were taken, which the optimizer hasn't counted yet.
    """
    kept = {name: x.clone() for name, x in trainer.tensors().items()}
    optimizer, flat = trainer.optimizer, trainer.optimizer.flat
    steps = optimizer.steps
    x, target = (values[rows] for values in (trainer.batches.inputs, trainer.batches.targets))
    seen: dict[str, Any] = {}
    try:
        with torch.inference_mode(False), torch.no_grad(), _watching(trainer, seen) as layers:
            optimizer.steps += done
            optimizer.bind(optimizer.vectors, optimizer.number_tensors)  # to write them all anew
            trainer.network.train()
            trainer.loss_sum.zero_()
            trainer.step(x, target)
            return Observed(
                target=target,
                layers=layers,
                loss=float(trainer.loss_sum),
                before=kept["parameters"],
                used=flat.grad.clone(),
                after=flat.data.clone(),
                numbers={name: float(x) for name, x in optimizer.number_tensors.items()},
                vectors_before=_vectors(kept),
                vectors={name: x.clone() for name, x in optimizer.vectors.items()},
                **seen,
            )
    finally:
        optimizer.steps = steps
        for name, values in trainer.tensors().items():
            values.copy_(kept[name])
        optimizer.bind(optimizer.vectors, optimizer.number_tensors)


@contextlib.contextmanager
def _watching(trainer: Trainer, seen: dict[str, Any]) -> Iterator[list[Watched]]:
    """Note what goes through each layer, and the gradient before it is clipped."""
    layers: list[Watched] = []

    def watch(one: Watched) -> None:
        forward, backward = one.module.forward, one.module.backward

        def forward_seen(x: Tensor) -> Tensor:
            y = forward(x)
            one.x, one.y = x.clone(), y.clone()
            layers.append(one)
            return y

        def backward_seen(grad_output: Tensor) -> Tensor:
            dx = backward(grad_output)
            one.dy, one.dx = grad_output.clone(), dx.clone()
            return dx

        vars(one.module).update(forward=forward_seen, backward=backward_seen)

    def clip(clip: Callable[[], None] = trainer.clip) -> None:
        seen["gradient"] = trainer.optimizer.flat.grad.clone()
        clip()

    modules = [Watched(name, module) for name, module in named_layers(trainer.network)]
    for one in modules:
        watch(one)
    vars(trainer)["clip"] = clip
    try:
        yield layers
    finally:
        del vars(trainer)["clip"]
        for one in modules:
            del vars(one.module)["forward"], vars(one.module)["backward"]


def _vectors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    prefix = "optimizer."
    return {name.removeprefix(prefix): x for name, x in tensors.items() if name.startswith(prefix)}
