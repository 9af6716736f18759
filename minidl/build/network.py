"""The network of a spec."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from minidl import nn
from minidl.build.members import Members, options
from minidl.data.encoding import Encoding
from minidl.nn.init import INITIALIZERS
from minidl.spec import DropoutLayer, FlattenLayer, LinearLayer, MlpModel

ACTIVATIONS: dict[str, Callable[..., nn.Activation]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softmax": nn.Softmax,
}

Shape = tuple[int, ...]
NamedModule = tuple[str | None, nn.Module]


def build_network(
    members: Members, input_shape: Shape, encoding: Encoding, device: torch.device
) -> nn.Sequential:
    """The network, or the stack of them, with initial weights and dropout seeds.

    `input_shape` is that of one sample. Raises ConfigError where layers don't fit together.
    """
    spec = members.first
    network = nn.Sequential(_modules(members, input_shape, encoding))
    _check_output(members, network, input_shape, encoding)
    network.to(device, getattr(torch, spec.training.dtype)).stack(members.networks)
    inits = [_initializer(spec.model.init) for spec in members.specs]
    network.initialize(inits, seed=members.seeds("init"))
    return network.seed_dropout(members.seeds("dropout"))


def _modules(members: Members, input_shape: Shape, encoding: Encoding) -> dict[str, nn.Module]:
    """The layers under the config's names; those without one are numbered by kind."""
    layers = _mlp if isinstance(members.first.model, MlpModel) else _sequential
    named = layers(members, input_shape, encoding)
    numbered = nn.Sequential(*[module for _, module in named]).named_children()
    return {
        own or number: module for (own, module), (number, _) in zip(named, numbered, strict=True)
    }


def _mlp(members: Members, input_shape: Shape, encoding: Encoding) -> list[NamedModule]:
    model: Any = members.first.model
    layers: list[nn.Module] = [] if len(input_shape) == 1 else [nn.Flatten()]
    drops = any(spec.model.dropout for spec in members.specs)  # type: ignore[union-attr]
    width = math.prod(input_shape)
    for hidden, activation in zip(model.hidden, model.activations, strict=True):
        layers += [nn.Linear(width, hidden, model.bias), _activation(activation)]
        if drops:
            layers.append(nn.Dropout(members.number(lambda spec: spec.model.dropout)))
        width = hidden
    layers.append(nn.Linear(width, encoding.outputs, model.bias))
    if model.output_activation is not None:
        layers.append(_activation(model.output_activation))
    return [(None, layer) for layer in layers]


def _sequential(members: Members, input_shape: Shape, encoding: Encoding) -> list[NamedModule]:
    model: Any = members.first.model
    layers, shape = [], input_shape
    for index, layer in enumerate(model.layers):
        key = f"model.layers[{index}]"
        module = _layer(members, key, shape, encoding)
        try:
            shape = module.output_shape(shape)
        except ValueError as error:
            raise members.problem(key, str(error)) from error
        layers.append((layer.name, module))
    return layers


def _layer(members: Members, key: str, shape: Shape, encoding: Encoding) -> nn.Module:
    index = int(key.split("[")[1].rstrip("]"))
    layer: Any = members.first.model.layers[index]  # type: ignore[union-attr]
    if isinstance(layer, LinearLayer):
        if len(shape) != 1:
            message = f"linear takes one row of numbers per sample, but gets {_times(shape)}"
            raise members.problem(key, f"{message}: put a flatten layer before it")
        init = _initializer(layer.init) if layer.init else None
        return nn.Linear(shape[0], layer.out_features or encoding.outputs, layer.bias, init=init)
    if isinstance(layer, DropoutLayer):
        return nn.Dropout(members.number(lambda spec: spec.model.layers[index].p))
    if isinstance(layer, FlattenLayer):
        return nn.Flatten()
    return _activation(layer)


def _activation(activation: Any) -> nn.Activation:
    return ACTIVATIONS[activation.type](**options(activation))


def _initializer(init: Any) -> nn.Initializer:
    return INITIALIZERS[init.type](**options(init))


def _check_output(
    members: Members, network: nn.Sequential, input_shape: Shape, encoding: Encoding
) -> None:
    if not network.parameters():
        message = "there is nothing to train: put a linear layer among them"
        raise members.problem("model.layers", message)
    shape, loss = network.output_shape(input_shape), members.first.loss.type
    if shape != (encoding.outputs,):
        message = f"the network gives {_times(shape)} outputs per sample"
        raise members.problem("model", f"{message}, but {loss} here needs {encoding.outputs}")
    last = [child for child in network if not isinstance(child, nn.Dropout | nn.Flatten)][-1]
    if loss == "bce" and not isinstance(last, nn.Sigmoid):
        message = "bce needs probabilities: end the network with a sigmoid"
        if isinstance(members.first.model, MlpModel):
            message += " (model.output_activation: sigmoid)"
        raise members.problem("loss", f"{message}, or use bce_with_logits")


def _times(shape: Shape) -> str:
    return "×".join(map(str, shape))
