"""A training that notes what goes on in each layer while it learns."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from math import isfinite
from typing import Any

import torch
from torch import Tensor

from minidl.nn import Module, ReLU, Sigmoid, Tanh
from minidl.nn.sequential import named_layers
from minidl.train.trainer import Epoch, Trainer

# A unit is saturated where its mean slope in an epoch is below this share of the steepest one,
# that at 0: where a tanh is beyond ±0.98, and a sigmoid below 0.01 or above 0.99.
SATURATED = 0.04


class WatchedTrainer(Trainer):
    """A Trainer whose epochs have `dynamics`: numbers of each layer, named `fc_1.weight_norm`.

    `watch` says which. Of a layer with parameters, θ being all of them:
    weights: `weight_norm`, ‖θ‖ after the epoch;
    gradients: `gradient_norm`, √(mean ‖g‖²) over the epoch's steps, before clipping;
        `gradient_noise`, √(mean ‖g − ḡ‖²) / ‖ḡ‖, where ḡ is the mean of the steps' gradients;
    updates: `update_ratio`, √(mean ‖Δθ‖²) / ‖θ‖.
    activations, of what an activation layer gives: `activation_mean` and `activation_std` over all
        units and samples; `dead`, the share of a ReLU's units that gave 0 for every sample;
        `saturated`, the share of a sigmoid's or tanh's units of which SATURATED speaks. A unit is a
        feature, or a channel.

    A step adds to `sums` by tensor calls alone, and `check` brings what they came to into `seen`.
    Neither changes anything that trains.
    """

    def __init__(self, *built: Any, watch: Collection[str], **options: Any) -> None:
        super().__init__(*built, **options)
        self.watch = frozenset(watch)
        layers = list(named_layers(self.network))
        self.spans: dict[str, slice] = {}  # where in the flat vectors each layer's parameters are
        end = 0
        for name, layer in layers:
            if size := _own_size(layer):
                self.spans[name] = slice(end, end + size)
                end += size
        self.active: dict[str, Module] = {}
        if "activations" in self.watch:
            self.active = {name: layer for name, layer in layers if layer.activates}
        self.units = self._count_units()
        gradients, updates = ("gradients" in self.watch, "updates" in self.watch)
        self._sizes = {
            "gradient": end * gradients,
            "gradient_squares": len(self.spans) * gradients,
            "update_squares": len(self.spans) * updates,
            "outputs": sum(self.units.values()),
            "output_squares": sum(self.units.values()),
        }
        new = self.loss_sum.new_zeros
        self.bind_sums(new(sum(self._sizes.values())), new(0))
        self.quantities = ("epoch", *self._measured())
        self.seen = new(len(self.quantities) - 1)

    def bind_sums(self, sums: Tensor, seen: Tensor) -> None:
        """Sum up in this memory."""
        self.sums, self.seen = sums, seen
        self._sums = dict(zip(self._sizes, torch.split(sums, [*self._sizes.values()]), strict=True))

    # The algorithm.

    def step(self, x: Tensor, target: Tensor) -> None:
        """One step of gradient descent, watched."""
        theta = self.optimizer.flat.data
        before = theta.clone() if "updates" in self.watch else theta
        with self._noting_outputs():
            super().step(x, target)
        if "updates" in self.watch:
            for index, span in enumerate(self.spans.values()):
                change = theta[span] - before[span]
                self._sums["update_squares"][index].add_(_squares(change))

    def clip(self) -> None:
        """Note the gradient as backpropagation gave it."""
        if "gradients" in self.watch:
            grad = self.optimizer.flat.grad
            self._sums["gradient"].add_(grad)
            for index, span in enumerate(self.spans.values()):
                self._sums["gradient_squares"][index].add_(_squares(grad[span]))
        super().clip()

    def check(self) -> None:
        """Bring what the epoch's sums came to into `seen`."""
        super().check()
        self.seen.copy_(torch.stack([*self._measured().values()]))
        self.sums.zero_()

    def _measured(self) -> dict[str, Tensor]:
        """What the sums come to, each a tensor of shape ()."""
        steps, found = len(self.batches), {}
        for index, (name, span) in enumerate(self.spans.items()):
            norm = _squares(self.optimizer.flat.data[span]).sqrt()
            if "weights" in self.watch:
                found[f"{name}.weight_norm"] = norm
            if "gradients" in self.watch:
                squares = self._sums["gradient_squares"][index] / steps
                found[f"{name}.gradient_norm"] = squares.sqrt()
                if steps > 1:
                    mean = _squares(self._sums["gradient"][span] / steps)
                    noise = ((squares - mean).clamp(min=0) / mean).sqrt()
                    found[f"{name}.gradient_noise"] = noise
            if "updates" in self.watch:
                squares = self._sums["update_squares"][index] / steps
                found[f"{name}.update_ratio"] = squares.sqrt() / norm
        for name, outputs, squares in self._by_layer():
            own = _of_outputs(self.active[name], outputs / steps, squares / steps)
            found |= {f"{name}.{quantity}": value for quantity, value in own.items()}
        return found

    def _by_layer(self) -> list[tuple[str, Tensor, Tensor]]:
        """Each activation layer's sums, of its units' outputs and of their squares."""
        sizes = [*self.units.values()]
        parts = (torch.split(self._sums[of], sizes) for of in ("outputs", "output_squares"))
        return list(zip(self.active, *parts, strict=True))

    @contextlib.contextmanager
    def _noting_outputs(self) -> Iterator[None]:
        """Let the activation layers add what they give."""
        kept = {name: vars(layer).get("forward") for name, layer in self.active.items()}
        for name, outputs, squares in self._by_layer():
            self._note(self.active[name], outputs, squares)
        try:
            yield
        finally:
            for name, forward in kept.items():
                vars(self.active[name]).pop("forward")
                if forward is not None:
                    vars(self.active[name])["forward"] = forward

    @staticmethod
    def _note(layer: Module, outputs: Tensor, squares: Tensor) -> None:
        forward = layer.forward

        def noted(x: Tensor) -> Tensor:
            y = forward(x)
            over = [d for d in range(y.dim()) if d != 1]
            share = 1 / (y.numel() / y.shape[1])
            outputs.add_(y.sum(over), alpha=share)
            squares.add_((y * y).sum(over), alpha=share)
            return y

        vars(layer)["forward"] = noted

    def _count_units(self) -> dict[str, int]:
        """How many units each activation layer has: features or channels."""
        units: dict[str, int] = {}

        def count(name: str, layer: Module) -> None:
            forward = layer.forward

            def counted(x: Tensor) -> Tensor:
                y = forward(x)
                units[name] = y.shape[1]
                return y

            vars(layer)["forward"] = counted

        for name, layer in self.active.items():
            count(name, layer)
        training = self.network.training
        with torch.no_grad():
            self.network.eval().forward(self.batches.inputs[:1])
        self.network.train(training)
        for layer in self.active.values():
            del vars(layer)["forward"]
        return {name: units[name] for name in self.active}

    # Its tensors.

    def tensors(self) -> dict[str, Tensor]:
        return {**super().tensors(), "watch.sums": self.sums, "watch.seen": self.seen}

    def bind(self, tensors: Mapping[str, Tensor]) -> None:
        super().bind(tensors)
        self.bind_sums(tensors["watch.sums"], tensors["watch.seen"])

    # What an epoch came to.

    def end_epoch(self, finite: bool, metrics: dict[str, float]) -> Epoch:
        epoch = super().end_epoch(finite, metrics)
        if self.elsewhere is not None:
            self.elsewhere({"watch.seen": self.seen})
        seen: list[float] = self.seen.tolist()
        epoch.dynamics = dict(zip(self.quantities, (epoch.number, *seen), strict=True))
        if finite and not isfinite(sum(seen)):  # 0 by 0
            values = epoch.dynamics.items()
            epoch.dynamics = {k: v if v is not None and isfinite(v) else None for k, v in values}
        return epoch


def _own_size(layer: Module) -> int:
    """How many parameters it has, those of layers inside it left out."""
    inside = sum(p.data.numel() for child in layer.children() for p in child.parameters())
    return sum(p.data.numel() for p in layer.parameters()) - inside


def _squares(values: Tensor) -> Tensor:
    return (values * values).sum()


def _of_outputs(layer: Module, outputs: Tensor, squares: Tensor) -> dict[str, Tensor]:
    """What a layer's units came to, from the means of their outputs and of the squares."""

    mean = outputs.mean()

    def share(which: Tensor) -> Tensor:
        return which.to(outputs.dtype).mean() + 0 * mean  # NaN where the outputs are

    found = {
        "activation_mean": mean,
        "activation_std": (squares.mean() - mean * mean).clamp(min=0).sqrt(),
    }
    if isinstance(layer, ReLU):
        found["dead"] = share(outputs == 0)
    elif isinstance(layer, Tanh):
        found["saturated"] = share(1 - squares < SATURATED)
    elif isinstance(layer, Sigmoid):
        found["saturated"] = share(4 * (outputs - squares) < SATURATED)
    return found
