"""Module: the base class of everything with a forward and a backward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Self

import torch
from torch import Generator, Tensor

from minidl.nn.init import Initializer, draw_seed, initializer, seeded
from minidl.nn.parameter import Flat, Parameter
from minidl.nn.takes import Checked, require_real, require_shape


class Module(Checked):
    """A differentiable function of one input: a layer, or a network of them.

    `forward(x)` computes the output; `backward(grad_output)`, called after it, adds the gradients
    of the parameters to their `.grad` and returns that of `x`. Tensors are (N, ...), N samples.
    """

    takes = "(N, ...)"  # for any other input `forward` raises ValueError: see takes.py
    prefix: ClassVar[str] = "layer"  # its name in a Sequential but for the number: fc_1, act_1
    # An activation, and by how much initialisers widen the weights before it; None: they know.
    activates: ClassVar[bool] = False
    gain: float | None = None
    drawn: ClassVar[bool] = False  # whether `initialize` is for it, also without parameters
    init: Initializer | None = None  # draws its weights instead of the network's initialiser

    def __init__(self) -> None:
        self.training = True
        self.statistics: dict[str, Tensor] = {}  # kept from step to step: a running mean
        self.settings: dict[str, Tensor] = {}  # numbers that its step reads, of shape (): p

    def forward(self, x: Tensor) -> Tensor:
        """The module's output for `x`."""
        raise NotImplementedError

    def backward(self, grad_output: Tensor) -> Tensor:
        """From ∂L/∂output: add ∂L/∂parameters to their `.grad`, return ∂L/∂input."""
        raise NotImplementedError

    def __call__(self, x: Tensor) -> Tensor:
        return self.forward(x)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of one sample's output, from its input's; ValueError if it can't take such one."""
        require_shape(self, self.takes, ("N", *input_shape))
        return input_shape

    def check(self, x: Tensor) -> None:
        """Raise ValueError for an input of another shape or dtype; those inside check theirs."""
        if not self.children():
            require_shape(self, self.takes, x.shape)
            require_real(self, x, self.parameters())

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def children(self) -> Sequence[Module]:
        """The modules directly inside."""
        return ()

    def named_children(self) -> list[tuple[str, Module]]:
        """The names and the modules directly inside."""
        return [(str(number), child) for number, child in enumerate(self.children())]

    def modules(self) -> list[Module]:
        """This module and all inside it, outermost first."""
        return [self, *(module for child in self.children() for module in child.modules())]

    def parameters(self) -> list[Parameter]:
        """All parameters, in the order of the layers."""
        own = [value for value in vars(self).values() if isinstance(value, Parameter)]
        return own + [p for child in self.children() for p in child.parameters()]

    def named_statistics(self) -> dict[str, Tensor]:
        """The statistics of all modules: `norm_1.running_mean`; to restore them, copy into them."""
        return {name: tensors[key] for name, tensors, key in self._named("statistics")}

    def named_settings(self) -> dict[str, Tensor]:
        """The settings of all modules: `dropout_1.p`."""
        return {name: tensors[key] for name, tensors, key in self._named("settings")}

    def bind(self, values: Mapping[str, Tensor]) -> None:
        """Make these very tensors the statistics and the settings of those names."""
        for kind in ("statistics", "settings"):
            for name, tensors, key in self._named(kind):
                tensors[key] = values[name]

    def _named(self, kind: str) -> Iterator[tuple[str, dict[str, Tensor], str]]:
        """The name of each such tensor, and where it is."""
        own: dict[str, Tensor] = getattr(self, kind)
        yield from ((key, own, key) for key in own)
        for child_name, child in self.named_children():
            for name, tensors, key in child._named(kind):
                yield f"{child_name}.{name}", tensors, key

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all inside it to training mode."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch to evaluation mode: dropout off."""
        return self.train(False)

    def to(
        self, device: str | torch.device | None = None, dtype: torch.dtype | None = None
    ) -> Self:
        """Move all tensors to a device, those that aren't integers to a dtype, or both."""
        for parameter in self.parameters():
            parameter.refuse_if_held()
            data = parameter.data.to(device=device, dtype=dtype, copy=True)
            parameter.bind(data, torch.zeros_like(data))
        for module in self.modules():
            for tensors in (module.statistics, module.settings):
                for key, values in tensors.items():
                    kind = dtype if values.is_floating_point() else None
                    tensors[key] = values.to(device, kind, copy=True)
            module.was_moved()
        return self

    def was_moved(self) -> None:
        """Make anew what depends on device and dtype (modules with such tensors override it)."""

    def flatten(self) -> Flat:
        """Move all parameters into a new flat vector; RuntimeError if an optimizer holds them."""
        return Flat(self.parameters())

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        for parameter in self.parameters():
            parameter.grad.zero_()

    def initialize(
        self, init: str | Initializer = "uniform", *,
        seed: int | None = None, gain: float | None = None,
    ) -> Self:  # fmt: skip
        """Draw all weights and biases anew; a seed that isn't given by torch's global generator.

        A layer's own `init` goes first; `gain` replaces the gain by activation.
        """
        generator = seeded(seed)
        init = initializer(init) if isinstance(init, str) else init
        following: float | None = 1.0  # the gain of the activation that follows; of none
        layers: list[tuple[Module, float | None]] = []
        for layer in reversed([leaf for leaf in self.modules() if not leaf.children()]):
            if layer.drawn or layer.parameters():
                layers.append((layer, following if gain is None else gain))
                following = 1.0
            elif layer.activates:
                following = layer.gain
        for layer, its_gain in reversed(layers):
            layer.draw_parameters(layer.init or init, its_gain, generator)
        return self

    def draw_parameters(self, init: Initializer, gain: float | None, generator: Generator) -> None:
        """Draw this module's own parameters (layers with parameters override it)."""

    @property
    def draws(self) -> bool:
        """Whether its forward draws random numbers, by its setting "seed" and its "step"."""
        return "seed" in self.settings

    def seed_dropout(self, seed: int | None = None) -> Self:
        """Give each dropout layer inside a seed drawn with this one; None as in `initialize`."""
        drawing = [module for module in self.modules() if module.draws]
        if drawing:
            generator = seeded(seed)
            for module in drawing:
                module.settings["seed"].fill_(draw_seed(generator))
                module.statistics["step"].zero_()
        return self
