"""Module: the base class of everything with a forward and a backward."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Self

import torch
from torch import Generator, Tensor

from minidl.nn.init import Initializer, Inits, draw_seed, generators, initializer
from minidl.nn.memory import Memory, guard
from minidl.nn.parameter import Flat, Parameter


class Module(Memory):
    """A differentiable function of one input, for one network or for a stack of T.

    `forward(x)` computes the output; `backward(grad_output)`, called after it, adds the gradients
    of the parameters to their `.grad` and returns the gradient for `x`. Tensors are (N, ...) for
    one network, (T, N, ...) for a stack (`stack(T)`). Both return buffers that are valid until the
    next forward; `module(x)` returns a tensor of its own.
    """

    # The name that a Sequential gives it, followed by a number: fc_1, act_1.
    prefix: ClassVar[str] = "layer"
    # Which tensors of the forward pass the backward pass reads: nobody else may overwrite those.
    reads_input: ClassVar[bool] = True
    reads_output: ClassVar[bool] = True
    # Whether forward may return (a view of) its very input, and backward of grad_output.
    returns_view: ClassVar[bool] = False
    # Whether its forward draws random numbers.
    draws: ClassVar[bool] = False
    # An activation, and by how much initialisers widen the weights in front of it; None leaves
    # that to the initialiser.
    activates: ClassVar[bool] = False
    gain: float | None = None
    # Draws a layer's weights instead of the network's initialiser; in a stack maybe one for each.
    init: Inits | None = None

    def __init__(self) -> None:
        super().__init__()
        self.networks: int | None = None
        # What a layer learns from the data besides its parameters, by name; (T, ...) in a stack.
        self.statistics: dict[str, Tensor] = {}
        self._training = True
        # Where a call has its large temporaries: a Sequential lends its memory to all inside.
        self.workspace: Memory = self
        # Granted by a Sequential that knows who else needs these tensors.
        self.may_overwrite_input = False
        self.may_overwrite_grad = False
        # False for the first layer of a network that nobody differentiates further: its backward
        # then returns an empty tensor and saves a product.
        self.input_gradient = True

    def forward(self, x: Tensor) -> Tensor:
        """The module's output for `x`."""
        raise NotImplementedError

    def backward(self, grad_output: Tensor) -> Tensor:
        """From ∂L/∂output: add ∂L/∂parameters to their `.grad`, return ∂L/∂input."""
        raise NotImplementedError

    def __call__(self, x: Tensor) -> Tensor:
        return self.forward(x).clone(memory_format=torch.contiguous_format)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of one sample's output, from that of one sample's input.

        Raises ValueError if the module can't take such an input.
        """
        return input_shape

    # What it consists of.

    def children(self) -> Sequence[Module]:
        """The modules directly inside."""
        return ()

    def named_children(self) -> list[tuple[str, Module]]:
        """The names and the modules directly inside."""
        return [(str(number), child) for number, child in enumerate(self.children())]

    def modules(self) -> Iterator[Module]:
        """This module and all inside it, outermost first."""
        yield self
        for child in self.children():
            yield from child.modules()

    def parameters(self) -> list[Parameter]:
        """All parameters, in the order of the layers."""
        own = [value for value in vars(self).values() if isinstance(value, Parameter)]
        return own + [p for child in self.children() for p in child.parameters()]

    def named_statistics(self) -> dict[str, Tensor]:
        """What must be kept beside the parameters to evaluate the network: `norm_1.running_mean`.

        Each (...) for one network, (T, ...) for a stack; to restore them, copy into them.
        """
        inside = [
            (f"{name}.{key}", values)
            for name, child in self.named_children()
            for key, values in child.named_statistics().items()
        ]
        return {**self.statistics, **dict(inside)}

    def member_statistics(self, network: int) -> dict[str, Tensor]:
        """Those of one network of a stack (of the network itself, where it is no stack), views."""
        return {
            name: values if self.networks is None else values[network]
            for name, values in self.named_statistics().items()
        }

    def flatten(self) -> Flat:
        """Move all parameters into one new flat vector.

        Raises RuntimeError if an optimizer or a captured step holds their present memory.
        """
        return Flat(self.parameters())

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        for parameter in self.parameters():
            parameter.grad.zero_()

    # One network or many, mode, place.

    def stack(self, networks: int | None) -> Self:
        """Become a stack of `networks` copies of the (first) network; None: one network again.

        Raises ValueError below 1, RuntimeError once an optimizer holds the parameters.
        """
        if networks is not None and networks < 1:
            raise ValueError(f"a stack has at least one network, but got {networks}")
        for parameter in self.parameters():
            stacked = parameter.networks is not None
            first = parameter.data[0] if stacked else parameter.data
            size = parameter.shape if networks is None else (networks, *parameter.shape)
            data = first.expand(size).clone()
            parameter.move(data, torch.zeros_like(data), networks)
        for module in self.modules():
            for name, values in module.statistics.items():
                first = values if module.networks is None else values[0]
                size = first.shape if networks is None else (networks, *first.shape)
                module.statistics[name] = first.expand(size).clone()
            module.networks = networks
            module.forget_buffers()
        return self.seed_dropout()

    def to(
        self, device: str | torch.device | None = None, dtype: torch.dtype | None = None
    ) -> Self:
        """Move the parameters to a device, a dtype, or both."""
        for parameter in self.parameters():
            data = parameter.data.to(device=device, dtype=dtype, copy=True)
            parameter.move(data, torch.zeros_like(data), parameter.networks)
        for module in self.modules():
            for name, values in module.statistics.items():
                module.statistics[name] = values.to(device=device, dtype=dtype, copy=True)
            module.forget_buffers()
        return self

    @property
    def training(self) -> bool:
        """Whether layers that behave differently while training (dropout) do so."""
        guard(self, "_training", self._training)
        return self._training

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all inside it to training mode."""
        for module in self.modules():
            module._training = mode
        return self

    def eval(self) -> Self:
        """Switch to evaluation mode: dropout off."""
        return self.train(False)

    def skip_input_gradient(self) -> None:
        """Don't compute ∂L/∂x any more: backward then returns an empty tensor.

        Saves the first layer a product, in a network that nobody differentiates further.
        """
        self.input_gradient = False

    # Random numbers.

    def initialize(
        self,
        init: str | Initializer | Sequence[str | Initializer] = "uniform",
        *,
        seed: int | Sequence[int] | None = None,
        gain: float | None = None,
    ) -> Self:
        """Draw all weights and biases anew.

        A layer's own `init` goes first; `gain` replaces the gain by activation. A stack takes one
        seed per network, and each gets what it would get alone; from one number s network i gets
        seed s + i, from None a seed of torch's global generator. It may take one `init` per
        network too.
        """
        drawing = generators(seed, self.networks)
        inits = [init] * len(drawing) if isinstance(init, str | Initializer) else list(init)
        layers = self._with_gains()
        for network, (generator, given) in enumerate(zip(drawing, inits, strict=True)):
            own = initializer(given) if isinstance(given, str) else given
            for layer, following in layers:
                mine = layer.init[network] if isinstance(layer.init, Sequence) else layer.init
                following_gain = following if gain is None else gain
                layer.draw_parameters(mine or own, following_gain, generator, network)
        return self

    def draw_parameters(
        self, init: Initializer, gain: float | None, generator: Generator, network: int
    ) -> None:
        """Draw this module's own parameters of one network (layers with parameters override it).

        `init` is the layer's own already, where it has one.
        """

    def seed_dropout(self, seed: int | Sequence[int] | None = None) -> Self:
        """Let the dropout layers inside draw from this seed; stacks and None as in `initialize`."""
        if not any(module.draws for module in self.modules()):
            return self
        for row, generator in enumerate(generators(seed, self.networks)):
            for module in self.modules():
                if module.draws:
                    module.seed_draws(draw_seed(generator), row)
        return self

    def seed_draws(self, seed: int, network: int) -> None:
        """Start the random draws of one network anew (modules with `draws` override it)."""

    def _with_gains(self) -> list[tuple[Module, float | None]]:
        """Every layer with parameters, in order, and the gain of the activation that follows it."""
        layers: list[tuple[Module, float | None]] = []
        gain: float | None = 1.0  # of no activation
        for leaf in reversed([module for module in self.modules() if not module.children()]):
            if leaf.parameters():
                layers.append((leaf, gain))
                gain = 1.0
            elif leaf.activates:
                gain = leaf.gain
        return layers[::-1]

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
