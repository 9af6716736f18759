"""A config's network in float64, with a few of its samples: what is differentiated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from minidl import nn
from minidl.build import Members, build, build_network
from minidl.build.places import PlacedLayer, placed_layers
from minidl.data import Dataset
from minidl.reference import counterpart, loss_counterpart, share_parameters
from minidl.spec import Spec
from minidl.verify.compare import AUTOGRAD, AUTOGRAD_OF_MODEL, Gradient, Subject
from minidl.verify.kinks import Kinks

# Added to the initial weights, as a part of their size: a bias of 0 or a scale of 1 hides mistakes.
NOISE = 0.1


class Probe:
    """One network, or a stack of one per spec (in a list), with `samples` of each one's data.

    Raises ConfigError where specs and data don't fit together, or an output is not finite.
    """

    def __init__(
        self,
        specs: Spec | Sequence[Spec],
        data: Dataset | Sequence[Dataset],
        samples: int,
        generator: Generator,
    ) -> None:
        self.members, self.generator = Members(specs), generator
        self.networks = self.members.networks
        experiment = build(specs, data)
        shape = experiment.trainer.parts["train"].inputs.shape[1 if self.networks else 0 :][1:]
        # As a training has it: ends its backward pass at the first parameters.
        self.trained, self.flat = experiment.network, experiment.trainer.optimizer.flat
        self.network = build_network(
            self.members, tuple(shape), experiment.encoding, experiment.device
        )
        self.loss = experiment.trainer.loss
        part = experiment.trainer.parts["train"]
        axis = 0 if self.networks is None else 1
        rows = torch.randperm(part.inputs.shape[axis], generator=generator)[:samples]
        self.x, self.target = (t.index_select(axis, rows) for t in (part.inputs, part.targets))
        self._add_noise()
        # The draws of each dropout layer before any; those of both networks are the same.
        self._draws: dict[nn.Module, Any] = {}
        self.masks: dict[nn.Module, Tensor] = {}
        self.inputs: dict[nn.Module, Tensor] = {}
        self.layers = placed_layers(self.members.first, self.network)
        self.output = self._walk(self.network, self.x)
        for theirs, own in zip(_dropouts(self.trained), _dropouts(self.network), strict=True):
            self.masks[theirs] = self.masks[own]

    def subjects(self) -> Iterator[Subject]:
        """Each layer by itself, in order; the loss; the whole."""
        for layer in self.layers:
            yield self.layer(layer)
            if layer.module.draws or layer.module.statistics:
                layer.module.eval()
                yield self.layer(layer)
                layer.module.train()
        yield self.loss_alone()
        yield self.whole()

    def layer(self, placed: PlacedLayer) -> Subject:
        """A layer at its own input, for a random ∂L/∂output."""
        layer, x = placed.module, self.inputs[placed.module]
        y = self._run(layer, x)
        cotangent = self._normal(y.shape)
        layer.zero_grad()
        self._restore_draws(layer)
        layer.forward(x.clone())
        ours = layer.backward(cotangent.clone()).clone()
        references = self._counterparts(layer)
        autograd = self._autograd(references, x, cotangent)
        # What a last bit in ∂L/∂y changes is rounding.
        nudged = self._autograd(references, x, self._nudged(cotangent))
        least = max(_usual_size(x, y, cotangent), _floor(autograd[0], nudged[0]))
        gradients = {"input": Gradient(x, ours, autograd[0], least)}
        if not layer.children():  # those inside are subjects of their own
            named = [(n, p) for n, p in vars(layer).items() if isinstance(p, nn.Parameter)]
            for (name, parameter), theirs in zip(named, autograd[1:], strict=True):
                gradients[name] = Gradient(parameter.data, parameter.grad.clone(), theirs)
        kinks = Kinks(references)
        return Subject(
            placed.key,
            placed.kind,
            placed.name,
            "train" if layer.training else "eval",
            lambda: self._run(layer, x),
            cotangent,
            gradients,
            (lambda: kinks.pattern(self._each(x))) if kinks.any else None,
        )

    def loss_alone(self) -> Subject:
        """The loss at the network's output."""
        output, target, loss = self.output, self.target, self.loss
        value = loss(output, target)
        ours = loss.backward().clone()
        theirs = []
        for one, wanted in zip(self._each(output), self._each(target), strict=True):
            leaf = one.clone().requires_grad_()
            theirs += _gradients(loss_counterpart(loss)(leaf, wanted), None, [leaf])
        return Subject(
            "loss",
            self.members.first.loss.type,
            "",
            "train",
            lambda: loss(output, target),
            torch.ones_like(value),
            {"output": Gradient(output, ours, self._together(theirs))},
        )

    def whole(self) -> Subject:
        """The loss of the network, from its input and from all parameters, as in a training."""
        x, target, loss, flat = self.x, self.target, self.loss, self.flat
        for network in (self.trained, self.network):
            network.zero_grad()
            self._restore_draws(network)
            value = loss(network.forward(x.clone()), target)
            ours = network.backward(loss.backward())
        references = self._counterparts(self.trained)
        for_input, for_parameters = self._autograd_of_loss(references)
        # What has passed through saturated layers is rounding beside the others.
        least = max(float(grad.abs().max()) for grad in (for_input, for_parameters))
        kinks = Kinks(references)
        return Subject(
            "model",
            self.members.first.model.type,
            "",
            "train",
            lambda: loss(self._run(self.trained, x), target),
            torch.ones_like(value),
            {
                "input": Gradient(x, ours.clone(), for_input, least),
                "parameters": Gradient(flat.data, flat.grad.clone(), for_parameters, least),
            },
            (lambda: kinks.pattern(self._each(x))) if kinks.any else None,
            AUTOGRAD_OF_MODEL,
        )

    def _autograd_of_loss(self, references: Sequence[torch.nn.Module]) -> tuple[Tensor, Tensor]:
        """PyTorch's gradients for the input, and for the vector of all parameters."""
        theirs, vector = [], torch.zeros_like(self.flat.data)
        triples = zip(references, self._each(self.x), self._each(self.target), strict=True)
        for i, (reference, one, wanted) in enumerate(triples):
            leaf = one.clone().requires_grad_()
            value = loss_counterpart(self.loss)(reference(leaf), wanted)
            first, *grads = _gradients(value, None, [leaf, *reference.parameters()])
            theirs.append(first)
            self.flat.set_member(i, torch.cat([grad.reshape(-1) for grad in grads]), vector)
        return self._together(theirs), vector

    # How the pieces are made.

    def _add_noise(self) -> None:
        for ours, trained in zip(self.network.parameters(), self.trained.parameters(), strict=True):
            size = ours.data.square().mean().sqrt().item() or 1.0
            ours.data.add_(NOISE * size * self._normal(ours.data.shape))
            trained.data.copy_(ours.data)

    def _walk(self, module: nn.Module, x: Tensor) -> Tensor:
        """Run a module, and note the input of everything in it."""
        self.inputs[module] = x
        if isinstance(module, nn.Sequential):
            for child in module:
                x = self._walk(child, x)
            return x
        if module.draws:
            self.masks[module] = self._run(module, torch.ones_like(x))
        for child in module.children():
            self._walk(child, x)
        y = self._run(module, x)
        self._refuse_infinity(module, y)
        return y

    def _refuse_infinity(self, module: nn.Module, y: Tensor) -> None:
        if not y.isfinite().all():
            key = next(layer.key for layer in self.layers if layer.module is module)
            message = "its output isn't finite on the config's data, so there is no gradient"
            raise self.members.problem(key, message)

    def _run(self, module: nn.Module, x: Tensor) -> Tensor:
        """The output in memory of its own, with the same dropout masks every time."""
        self._restore_draws(module)
        return module(x.clone())

    def _restore_draws(self, module: nn.Module) -> None:
        for dropout in _dropouts(module):
            dropout.restore_step_state(self._draws.setdefault(dropout, dropout.step_state()))

    def _counterparts(self, module: nn.Module) -> list[torch.nn.Module]:
        """PyTorch's, one per network, that see every change of our parameters."""
        made = [counterpart(module, i, self.masks) for i in self._indices()]
        for i, reference in zip(self._indices(), made, strict=True):
            share_parameters(module, reference, i)
        return made

    def _autograd(
        self, references: Sequence[torch.nn.Module], x: Tensor, cotangent: Tensor
    ) -> list[Tensor]:
        """PyTorch's gradients for the input and for each parameter."""
        lists = []
        for reference, one, grad in zip(
            references, self._each(x), self._each(cotangent), strict=True
        ):
            leaf = one.clone().requires_grad_()
            lists.append(_gradients(reference(leaf), grad, [leaf, *reference.parameters()]))
        return [self._together(grads) for grads in zip(*lists, strict=True)]

    def _nudged(self, x: Tensor) -> Tensor:
        """With the last bits changed."""
        return x * (1 + 4e-16 * torch.sign(self._normal(x.shape)))

    def _indices(self) -> list[int] | list[None]:
        return [None] if self.networks is None else list(range(self.networks))

    def _each(self, x: Tensor) -> list[Tensor]:
        return [x] if self.networks is None else list(x)

    def _together(self, tensors: Sequence[Any]) -> Tensor:
        return torch.stack(list(tensors)) if self.networks is not None else tensors[0]

    def _normal(self, shape: Sequence[int]) -> Tensor:
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)


def _gradients(output: Tensor, grad: Tensor | None, leaves: list[Tensor]) -> list[Tensor]:
    """By autograd, zeros for what the output doesn't depend on."""
    if not output.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    return list(torch.autograd.grad(output, leaves, grad, materialize_grads=True))


def _floor(gradient: Tensor, nudged: Tensor) -> float:
    """The size beside which ten times the effect of rounding is within the tolerance.

    That effect is large where almost all of a gradient cancels, as in the normalisation of two
    numbers. Never more than a thousand times the largest entry.
    """
    rounding = 10 * float((nudged - gradient).abs().max())
    return min(rounding / AUTOGRAD, 1000 * float(gradient.abs().max()))


def _usual_size(x: Tensor, y: Tensor, cotangent: Tensor) -> float:
    """A hundredth of what ∂L/∂x is if y changes with x as it does from entry to entry."""
    spread = float(x.std())
    slope = float(y.std()) / spread if spread else 0.0
    return 0.01 * slope * float(cotangent.abs().max())


def _dropouts(module: nn.Module) -> list[Any]:
    return [inside for inside in module.modules() if inside.draws]
