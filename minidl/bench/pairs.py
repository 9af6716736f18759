"""A module or a loss beside PyTorch's, with the same parameters, on the same random tensors.

Ours is run in two ways, as plain calls and as compiled code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from minidl import nn
from minidl.engine import compile
from minidl.reference import LOSSES, MODULES, copy_parameters, counterpart, loss_counterpart
from minidl.reference.case import IMAGE

BATCH = 100  # report 004's

Both = Callable[[], tuple[Tensor, Tensor]]  # forward and backward
Make = tuple[Callable[[], nn.Module], tuple[int, ...]]  # and the shape of a sample


NETWORKS: dict[str, Make] = {
    **{
        kind.__name__: (partial(cases.measured.make, kind), cases.measured.sample)
        for kind, cases in MODULES.items()
    },
    "Upsample, bilinear": (lambda: nn.Upsample(2, "bilinear"), IMAGE),
    "Residual": (lambda: nn.Residual(nn.Conv2d(3, 3, 3, padding="same")), IMAGE),
}


class ModulePair:
    """A module; its gradients are those of a mean over all outputs, as behind a mean loss."""

    def __init__(self, name: str, dtype: torch.dtype) -> None:
        make, sample = NETWORKS[name]
        self.mine = make().to(dtype=dtype)
        self.theirs = counterpart(self.mine)
        self.x = torch.empty(BATCH, *sample, dtype=dtype)
        self.leaf = self.x.clone().requires_grad_()
        self.grad_output = torch.empty_like(self.mine(self.x.zero_()))
        self.draw()
        self._compiled_forward = compile(self.mine.forward)
        self._compiled_both = compile(self._both)

    def draw(self) -> None:
        """New random tensors and parameters."""
        with torch.no_grad():
            self.x.normal_()
            self.leaf.copy_(self.x)
            self.grad_output.normal_().div_(self.grad_output.numel())
            self.mine.initialize()
            copy_parameters(self.mine, self.theirs)

    def forward(self) -> object:
        return self.mine.forward(self.x)

    def compiled_forward(self) -> object:
        return self._compiled_forward(self.x)

    def their_forward(self) -> object:
        return self.theirs(self.leaf)

    def both(self) -> tuple[Tensor, Tensor]:
        return self._both(self.x, self.grad_output)

    def compiled_both(self) -> tuple[Tensor, Tensor]:
        y, grad = self._compiled_both(self.x, self.grad_output)
        return y, grad

    def their_both(self) -> Tensor:
        self.leaf.grad = None
        self.theirs.zero_grad()
        y: Tensor = self.theirs(self.leaf)
        y.backward(self.grad_output)  # type: ignore[no-untyped-call]
        return y

    def differences(self, ours: Both) -> dict[str, float]:
        """The largest one in y, dx and each parameter's gradient, of `both` or `compiled_both`."""
        drawn = self.theirs
        if self.mine.draws:
            self.theirs = counterpart(self.mine, masks={self.mine: self._next_mask()})
        y, grad = ours()
        reference = self.their_both()
        pairs = {"forward": (y, reference.detach()), "input": (grad, self.leaf.grad)}
        parameters = zip(self.mine.parameters(), self.theirs.named_parameters(), strict=True)
        for mine, (name, theirs) in parameters:
            pairs[name.rpartition(".")[2]] = (mine.grad, theirs.grad)
        self.theirs = drawn
        return _distances(pairs)

    def _next_mask(self) -> Tensor:
        """What the dropout layer is going to draw."""
        mask = self.mine(torch.ones_like(self.x))
        self.mine.statistics["step"] -= 1
        return mask

    def _both(self, x: Tensor, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        self.mine.zero_grad()
        return self.mine.forward(x), self.mine.backward(grad_output)


class LossPair:
    """A loss of a random output and a random target."""

    def __init__(self, name: str, dtype: torch.dtype) -> None:
        kind = getattr(nn, name)
        self.mine: nn.Loss = kind()
        self.theirs = loss_counterpart(self.mine)
        self.cases = LOSSES[kind]
        self.x = torch.empty(BATCH, *self.cases.sample, dtype=dtype)
        self.leaf = self.x.clone().requires_grad_()
        self.draw()
        self._compiled_forward = compile(self.mine.forward)
        self._compiled_both = compile(self._both)

    def draw(self) -> None:
        """New random tensors."""
        generator, (_, target) = torch.default_generator, self.cases.tried[0]
        with torch.no_grad():
            self.x.copy_(self.cases.output(self.x.shape, generator))
            self.leaf.copy_(self.x)
            drawn = target(self.x.shape, generator)
            self.target = drawn.to(self.x.dtype) if drawn.is_floating_point() else drawn

    def forward(self) -> object:
        return self.mine.forward(self.x, self.target)

    def compiled_forward(self) -> object:
        return self._compiled_forward(self.x, self.target)

    def their_forward(self) -> object:
        return self.theirs(self.leaf, self.target)

    def both(self) -> tuple[Tensor, Tensor]:
        return self._both(self.x, self.target)

    def compiled_both(self) -> tuple[Tensor, Tensor]:
        value, grad = self._compiled_both(self.x, self.target)
        return value, grad

    def their_both(self) -> Tensor:
        self.leaf.grad = None
        value: Tensor = self.theirs(self.leaf, self.target)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    def differences(self, ours: Both) -> dict[str, float]:
        """Of the value and its gradient, by `both` or `compiled_both`."""
        value, grad = ours()
        reference = self.their_both().detach()
        return _distances({"forward": (value, reference), "input": (grad, self.leaf.grad)})

    def _both(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        return self.mine.forward(x, target), self.mine.backward()


Pair = ModulePair | LossPair
NAMES = (*NETWORKS, *(kind.__name__ for kind in LOSSES))


def pair(name: str, dtype: torch.dtype) -> Pair:
    """One of NAMES."""
    return ModulePair(name, dtype) if name in NETWORKS else LossPair(name, dtype)


def _distances(pairs: Mapping[str, tuple[Tensor, Tensor | None]]) -> dict[str, float]:
    """The largest absolute difference of each pair."""
    found = {}
    for name, (a, b) in pairs.items():
        assert b is not None
        found[name] = float((a - b).abs().max())
    return found
