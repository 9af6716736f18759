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
    numbered,
    sequential_layers,
)
from minidl.build.options import make, problem
from minidl.build.seeds import torch_seed_of
from minidl.build.tuning import freeze
from minidl.data.encoding import Encoding
from minidl.nn.shape import times
from minidl.spec import MlpModel, Spec
from minidl.spec.init import FromInit


def build_network(
    spec: Spec, input_shape: Shape, encoding: Encoding, device: torch.device
) -> nn.Sequential:
    """The network with initial weights as they are drawn, and dropout seeds.

    `input_shape` is that of one sample. Raises ConfigError where layers don't fit together.
    """
    layers = _mlp if isinstance(spec.model, MlpModel) else sequential_layers
    network = nn.Sequential(numbered(layers(spec, input_shape, encoding)))
    _check_output(spec, network, input_shape, encoding)
    network.to(device, getattr(torch, spec.training.dtype))
    freeze(spec, network)
    init = spec.model.init
    drawn = init.new_init if isinstance(init, FromInit) else init
    network.initialize(make(drawn), seed=torch_seed_of(spec, "init"))
    return network.seed_dropout(torch_seed_of(spec, "dropout"))


def last_layer(network: nn.Sequential) -> nn.Module:
    """The layer that decides which outputs there can be."""
    return [child for child in network if not isinstance(child, nn.Dropout | nn.Flatten)][-1]


def ends_with_sigmoid(network: nn.Sequential) -> bool:
    """Whether the outputs are between 0 and 1."""
    return isinstance(last_layer(network), nn.Sigmoid)


def _mlp(spec: Spec, input_shape: Shape, encoding: Encoding) -> list[NamedModule]:
    model: Any = spec.model
    layers: list[nn.Module] = [] if len(input_shape) == 1 else [nn.Flatten()]
    width, budget = math.prod(input_shape), Budget()

    def linear(inputs: int, outputs: int) -> nn.Linear:
        try:
            budget.spend(inputs * outputs)
        except ValueError as error:
            raise problem(spec, "model", str(error)) from error
        return nn.Linear(inputs, outputs, model.bias)

    for hidden, activation in zip(model.hidden, model.activations, strict=True):
        layers += [linear(width, hidden), make(activation)]
        if model.dropout:
            try:
                layers.append(nn.Dropout(model.dropout))
            except ValueError as error:
                raise problem(spec, "model.dropout", str(error)) from error
        width = hidden
    layers.append(linear(width, encoding.outputs))
    if model.output_activation is not None:
        layers.append(make(model.output_activation))
    return [(None, layer) for layer in layers]


def _check_output(
    spec: Spec, network: nn.Sequential, input_shape: Shape, encoding: Encoding
) -> None:
    if not network.parameters():
        message = "there is nothing to train: put a linear layer among them"
        raise problem(spec, "model.layers", message)
    shape, loss = network.output_shape(input_shape), spec.loss.type
    if encoding.image_shape and shape != encoding.image_shape:
        message = f"the network gives {times(shape)} per sample"
        raise problem(spec, "model", f"{message}, but the target is {times(encoding.image_shape)}")
    if shape != encoding.output_shape:
        message = f"the network gives {times(shape)} outputs per sample"
        raise problem(spec, "model", f"{message}, but {loss} here needs {encoding.outputs}")
    if loss == "bce" and not ends_with_sigmoid(network):
        message = "bce needs probabilities: end the network with a sigmoid"
        if isinstance(spec.model, MlpModel):
            message += " (model.output_activation: sigmoid)"
        raise problem(spec, "loss", f"{message}, or use bce_with_logits")
