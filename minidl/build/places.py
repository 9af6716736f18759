"""Where in the config each layer of a network comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from minidl import nn
from minidl.spec import MlpModel, Spec


@dataclass(frozen=True)
class PlacedLayer:
    """A layer with its key in the config, `model.layers[2]`, its kind, `conv2d`, and its name."""

    key: str
    kind: str
    name: str
    module: nn.Module


def placed_layers(spec: Spec, network: nn.Sequential) -> list[PlacedLayer]:
    """All layers of the network that was built from a spec, in order, those in residuals too."""
    if isinstance(spec.model, MlpModel):
        return list(_mlp(spec.model, network))
    return list(_chain("model.layers", spec.model.layers, network))


def _chain(key: str, layers: Sequence[Any], modules: nn.Sequential) -> Iterator[PlacedLayer]:
    named = zip(layers, modules.named_children(), strict=True)
    for index, (layer, (name, module)) in enumerate(named):
        place = f"{key}[{index}]"
        yield PlacedLayer(place, layer.type, name, module)
        if isinstance(module, nn.Residual):
            yield from _chain(f"{place}.layers", layer.layers, module.inner)


def _mlp(model: MlpModel, network: nn.Sequential) -> Iterator[PlacedLayer]:
    linears = activations = 0
    for name, module in network.named_children():
        if isinstance(module, nn.Linear):
            last = linears == len(model.hidden)
            key = "model.outputs" if last else f"model.hidden[{linears}]"
            yield PlacedLayer(key, "linear", name, module)
            linears += 1
        elif isinstance(module, nn.Activation):
            kinds = [activation.type for activation in model.activations]
            key = "model.activation"
            if isinstance(model.activation, tuple):
                key = f"model.activation[{activations}]"
            if activations == len(kinds) and model.output_activation is not None:
                key, kinds = "model.output_activation", [*kinds, model.output_activation.type]
            yield PlacedLayer(key, kinds[activations], name, module)
            activations += 1
        elif isinstance(module, nn.Dropout):
            yield PlacedLayer("model.dropout", "dropout", name, module)
        else:
            yield PlacedLayer("model", "flatten", name, module)
