"""Roughly how much a network computes, as far as a spec says it without its data."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, get_args

from minidl.spec import MlpModel, Spec
from minidl.spec.image_layer import AnyImageLayer

_IMAGE_LAYERS = get_args(AnyImageLayer)
# Where the data doesn't say: features of a row; an image's channels and size.
_FEATURES, _CHANNELS, _SIZE = 10, 3, 32


def sees_images(spec: Spec) -> bool:
    """Whether some layer takes images."""
    return not isinstance(spec.model, MlpModel) and _any_image_layer(spec.model.layers)


def multiplications(spec: Spec) -> float:
    """Multiplications of one sample's forward pass, biases and small things left out."""
    model = spec.model
    if isinstance(model, MlpModel):
        widths = [_FEATURES, *model.hidden, model.outputs or 1]
        return sum(a * b for a, b in pairwise(widths))
    digits = spec.data.type == "digits"
    channels = 1 if digits else getattr(spec.data, "channels", _CHANNELS)
    size = 8 if digits else getattr(spec.data, "size", _SIZE)
    return _of_layers(model.layers, channels, size)[0]


def _of_layers(layers: Sequence[Any], width: int, size: float) -> tuple[float, int, float]:
    """The multiplications, and width (features or channels) and image size behind the layers."""
    total, features = 0.0, _FEATURES
    for layer in layers:
        size *= _across(getattr(layer, "scale_factor", None) or 1)
        stride = _across(getattr(layer, "stride", None) or 1)
        if layer.type == "residual":
            inside, width, size = _of_layers(layer.layers, width, size)
            total += inside
        elif layer.type == "linear":
            outputs = layer.out_features or 1
            total, features = total + features * outputs, outputs
        elif hasattr(layer, "out_channels"):
            size = size * stride if layer.type == "conv_transpose2d" else size / stride
            taps = _across(layer.kernel_size) ** 2
            total += width * layer.out_channels * taps * size**2
            width = layer.out_channels
        elif layer.type in ("max_pool2d", "avg_pool2d"):
            size /= _across(layer.stride or layer.kernel_size)
    return total, width, size


def _any_image_layer(layers: Sequence[Any]) -> bool:
    return any(
        isinstance(layer, _IMAGE_LAYERS) or _any_image_layer(getattr(layer, "layers", ()))
        for layer in layers
    )


def _across(value: float | tuple[float, float]) -> float:
    """One number for both axes."""
    return (value[0] * value[1]) ** 0.5 if isinstance(value, tuple) else value
