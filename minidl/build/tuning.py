"""Layers that a config names: to freeze them, or to give them a rate of their own."""

from __future__ import annotations

from minidl import nn
from minidl.build.options import problem
from minidl.nn.sequential import named_layers
from minidl.spec import Spec
from minidl.spec.problems import did_you_mean


def freeze(spec: Spec, network: nn.Module) -> None:
    """Freeze what `model.freeze` names. Raises ConfigError where nothing is left to train."""
    for index, name in enumerate(spec.model.freeze):
        for parameter in parameters_of(spec, network, name, f"model.freeze[{index}]"):
            parameter.frozen = True
    if all(parameter.frozen for parameter in network.parameters()):
        raise problem(spec, "model.freeze", "leaves nothing to train: it names every layer")


def parameters_of(spec: Spec, network: nn.Module, name: str, key: str) -> list[nn.Parameter]:
    """The parameters of a layer, and of those inside it; `key` is where the config names it.

    Raises ConfigError where there is no such layer, or it has none.
    """
    layers = dict(named_layers(network))
    trained = [known for known, layer in layers.items() if layer.parameters()]
    if name not in layers:
        message = f"the network has no layer {name!r}{did_you_mean(name, trained)}"
        some = [*trained[:8], *(["…"] if len(trained) > 8 else [])]
        raise problem(spec, key, f"{message}; those with weights are {', '.join(some)}")
    if name not in trained:
        raise problem(spec, key, f"{name} has no weights")
    return layers[name].parameters()
