"""The network of a spec."""

from __future__ import annotations

import math
from typing import Any

import torch

from minidl import nn
from minidl.build.layers import (
    Budget,
    NamedModule,
    Shape,
    make_activation,
    make_initializer,
    numbered,
    sequential_layers,
)
from minidl.build.members import Members
from minidl.data.encoding import Encoding
from minidl.nn.windows import times
from minidl.spec import MlpModel


def build_network(
    members: Members, input_shape: Shape, encoding: Encoding, device: torch.device
) -> nn.Sequential:
    """The network, or the stack of them, with initial weights and dropout seeds.

    `input_shape` is that of one sample. Raises ConfigError where layers don't fit together.
    """
    spec = members.first
    layers = _mlp if isinstance(spec.model, MlpModel) else sequential_layers
    network = nn.Sequential(numbered(layers(members, input_shape, encoding)))
    _check_output(members, network, input_shape, encoding)
    network.to(device, getattr(torch, spec.training.dtype)).stack(members.networks)
    inits = [make_initializer(spec.model.init) for spec in members.specs]
    network.initialize(inits, seed=members.seeds("init"))
    return network.seed_dropout(members.seeds("dropout"))


def ends_with_sigmoid(network: nn.Sequential) -> bool:
    """Whether the outputs are between 0 and 1."""
    last = [child for child in network if not isinstance(child, nn.Dropout | nn.Flatten)][-1]
    return isinstance(last, nn.Sigmoid)


def _mlp(members: Members, input_shape: Shape, encoding: Encoding) -> list[NamedModule]:
    model: Any = members.first.model
    layers: list[nn.Module] = [] if len(input_shape) == 1 else [nn.Flatten()]
    drops = any(spec.model.dropout for spec in members.specs)  # type: ignore[union-attr]
    width, budget = math.prod(input_shape), Budget()

    def linear(inputs: int, outputs: int) -> nn.Linear:
        try:
            budget.spend(inputs * outputs)
        except ValueError as error:
            raise members.problem("model", str(error)) from error
        return nn.Linear(inputs, outputs, model.bias)

    for hidden, activation in zip(model.hidden, model.activations, strict=True):
        layers += [linear(width, hidden), make_activation(activation)]
        if drops:
            layers.append(nn.Dropout(members.number(lambda spec: spec.model.dropout)))
        width = hidden
    layers.append(linear(width, encoding.outputs))
    if model.output_activation is not None:
        layers.append(make_activation(model.output_activation))
    return [(None, layer) for layer in layers]


def _check_output(
    members: Members, network: nn.Sequential, input_shape: Shape, encoding: Encoding
) -> None:
    if not network.parameters():
        message = "there is nothing to train: put a linear layer among them"
        raise members.problem("model.layers", message)
    shape, loss = network.output_shape(input_shape), members.first.loss.type
    if encoding.image_shape and shape != encoding.image_shape:
        message = f"the network gives {times(shape)} per sample"
        raise members.problem(
            "model", f"{message}, but the target is {times(encoding.image_shape)}"
        )
    if shape != encoding.output_shape:
        message = f"the network gives {times(shape)} outputs per sample"
        raise members.problem("model", f"{message}, but {loss} here needs {encoding.outputs}")
    if loss == "bce" and not ends_with_sigmoid(network):
        message = "bce needs probabilities: end the network with a sigmoid"
        if isinstance(members.first.model, MlpModel):
            message += " (model.output_activation: sigmoid)"
        raise members.problem("loss", f"{message}, or use bce_with_logits")
