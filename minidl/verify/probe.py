"""A config's network in float64, with a few of its samples: what is differentiated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Generator, Tensor

from minidl import nn
from minidl.build import build
from minidl.build.options import problem
from minidl.build.places import PlacedLayer, placed_layers
from minidl.data import Dataset
from minidl.reference import counterpart, loss_counterpart, share_parameters
from minidl.spec import Spec
from minidl.verify.compare import AUTOGRAD, AUTOGRAD_OF_MODEL, Gradient, Subject
from minidl.verify.kinks import Kinks
from minidl.verify.rounding import rounding

# Added to the initial weights, as a part of their size: a bias of 0 or a scale of 1 hides mistakes.
NOISE = 0.1


class Probe:
    """A spec's network with `samples` of its data, as a training begins, but for some noise.

    Raises ConfigError where spec and data don't fit together, or an output is not finite.
    """

    def __init__(self, spec: Spec, data: Dataset, samples: int, generator: Generator) -> None:
        self.spec, self.generator = spec, generator
        experiment = build(spec, data)
        self.network, self.loss = experiment.network, experiment.trainer.loss
        self.flat = experiment.trainer.optimizer.flat
        batches = experiment.trainer.batches
        rows = torch.randperm(batches.samples, generator=generator)[:samples]
        self.x, self.target = batches.inputs[rows], batches.targets[rows]
        self._add_noise()
        self.masks: dict[nn.Module, Tensor] = {}  # of each dropout layer
        self.inputs: dict[nn.Module, Tensor] = {}
        self.layers = placed_layers(spec, self.network)
        self.output = self._walk(self.network, self.x)

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
        reference, inputs = self._counterpart(layer), [x, *(p.data for p in layer.parameters())]
        autograd, kinks = self._autograd(reference, x, cotangent), Kinks(reference)
        self._refuse_infinite(placed.key, autograd)
        rounded = rounding(
            lambda: self._autograd(reference, x, cotangent), [cotangent], inputs,
            lambda: kinks.pattern(x), self.generator,
        )  # fmt: skip
        least = [off / AUTOGRAD for off in rounded]
        usual = max(least[0], _usual_size(x, y, cotangent))
        gradients = {"input": Gradient(x, ours, autograd[0], usual)}
        if not layer.children():  # those inside are subjects of their own
            named = [(n, p) for n, p in vars(layer).items() if isinstance(p, nn.Parameter)]
            for (name, p), theirs, size in zip(named, autograd[1:], least[1:], strict=True):
                gradients[name] = Gradient(p.data, p.grad.clone(), theirs, size)
        return Subject(
            placed.key,
            placed.kind,
            placed.name,
            "train" if layer.training else "eval",
            lambda: self._run(layer, x),
            cotangent,
            gradients,
            (lambda: kinks.pattern(x)) if kinks.any else None,
        )

    def loss_alone(self) -> Subject:
        """The loss at the network's output."""
        output, target, loss = self.output, self.target, self.loss
        value = loss(output, target)
        ours = loss.backward().clone()
        leaf = output.clone().requires_grad_()
        (theirs,) = _gradients(loss_counterpart(loss)(leaf, target), None, [leaf])
        self._refuse_infinite("loss", [value, theirs])
        return Subject(
            "loss",
            self.spec.loss.type,
            "",
            "train",
            lambda: loss(output, target),
            torch.ones_like(value),
            {"output": Gradient(output, ours, theirs)},
        )

    def whole(self) -> Subject:
        """The loss of the network, from its input and from all parameters, as in a training."""
        x, target, network, loss, flat = self.x, self.target, self.network, self.loss, self.flat
        network.zero_grad()
        self._restore_draws(network)
        value = loss(network.forward(x.clone()), target)
        ours = network.backward(loss.backward())
        reference = self._counterpart(network)
        for_input, for_parameters = self._autograd_of_loss(reference)
        self._refuse_infinite("model", [for_input, for_parameters])
        kinks = Kinks(reference)
        rounded = rounding(
            lambda: self._autograd_of_loss(reference), [], [x, flat.data],
            lambda: kinks.pattern(x), self.generator,
        )  # fmt: skip
        # What has passed through saturated layers is rounding beside the others.
        sizes = [float(grad.abs().max()) for grad in (for_input, for_parameters)]
        least = max(*sizes, *(off / AUTOGRAD_OF_MODEL for off in rounded))
        return Subject(
            "model",
            self.spec.model.type,
            "",
            "train",
            lambda: loss(self._run(network, x), target),
            torch.ones_like(value),
            {
                "input": Gradient(x, ours.clone(), for_input, least),
                "parameters": Gradient(flat.data, flat.grad.clone(), for_parameters, least),
            },
            (lambda: kinks.pattern(x)) if kinks.any else None,
            AUTOGRAD_OF_MODEL,
        )

    def _autograd_of_loss(self, reference: torch.nn.Module) -> tuple[Tensor, Tensor]:
        """PyTorch's gradients for the input, and for the vector of all parameters."""
        leaf = self.x.clone().requires_grad_()
        value = loss_counterpart(self.loss)(reference(leaf), self.target)
        first, *grads = _gradients(value, None, [leaf, *reference.parameters()])
        return first, torch.cat([grad.reshape(-1) for grad in grads])

    # How the pieces are made.

    def _add_noise(self) -> None:
        for parameter in self.network.parameters():
            size = parameter.data.square().mean().sqrt().item() or 1.0
            parameter.data += NOISE * size * self._normal(parameter.shape)

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
            raise problem(self.spec, key, message)

    def _refuse_infinite(self, key: str, values: Sequence[Tensor]) -> None:
        if not all(value.isfinite().all() for value in values):
            message = "its gradient isn't finite on the config's data, so nothing can be compared"
            raise problem(self.spec, key, message)

    def _run(self, module: nn.Module, x: Tensor) -> Tensor:
        """The output in memory of its own, with the same dropout masks every time."""
        self._restore_draws(module)
        return module(x.clone()).contiguous()

    def _restore_draws(self, module: nn.Module) -> None:
        for inside in module.modules():
            if inside.draws:
                inside.statistics["step"].zero_()

    def _counterpart(self, module: nn.Module) -> torch.nn.Module:
        """PyTorch's, which sees every change of our parameters."""
        made = counterpart(module, self.masks)
        share_parameters(module, made)
        return made

    def _autograd(self, reference: torch.nn.Module, x: Tensor, cotangent: Tensor) -> list[Tensor]:
        """PyTorch's gradients for the input and for each parameter."""
        leaf = x.clone().requires_grad_()
        return _gradients(reference(leaf), cotangent, [leaf, *reference.parameters()])

    def _normal(self, shape: Sequence[int]) -> Tensor:
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)


def _gradients(output: Tensor, grad: Tensor | None, leaves: list[Tensor]) -> list[Tensor]:
    """By autograd, zeros for what the output doesn't depend on."""
    if not output.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    return list(torch.autograd.grad(output, leaves, grad, materialize_grads=True))


def _usual_size(x: Tensor, y: Tensor, cotangent: Tensor) -> float:
    """A hundredth of what ∂L/∂x is if y changes with x as it does from entry to entry."""
    spread = float(x.std(correction=0))
    slope = float(y.std(correction=0)) / spread if spread else 0.0
    return 0.01 * slope * float(cotangent.abs().max())
