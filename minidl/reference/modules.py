"""Modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from minidl import nn
from minidl.nn.images.windows import Margins

Masks = Mapping[nn.Module, Tensor]


def counterpart(module: nn.Module, masks: Masks | None = None) -> torch.nn.Module:
    """A module of PyTorch's that computes the same, with copies of parameters and statistics.

    `masks` are those of dropout layers, to be used instead of random ones. Raises KeyError for a
    module that has none.
    """
    made = _structure(module, masks or {})
    for parameter in module.parameters():
        made.to(dtype=parameter.data.dtype, device=parameter.data.device)
    copy_parameters(module, made)
    return made


def copy_parameters(module: nn.Module, made: torch.nn.Module) -> None:
    """Give a counterpart the present parameters."""
    with torch.no_grad():
        for ours, theirs in zip(module.parameters(), made.parameters(), strict=True):
            theirs.copy_(ours.data)


def share_parameters(module: nn.Module, made: torch.nn.Module) -> None:
    """Let a counterpart compute with our very parameters: it sees their changes."""
    for ours, theirs in zip(module.parameters(), made.parameters(), strict=True):
        theirs.data = ours.data


class FixedDropout(torch.nn.Module):
    """Dropout with a mask that was drawn before."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, x: Tensor) -> Tensor:
        return torch.mul(x, self.mask) if self.training else x


class Residual(torch.nn.Module):
    """x + f(x)"""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.inner(x))


def _structure(module: nn.Module, masks: Masks) -> torch.nn.Module:
    """The counterpart with parameters of its own, in the same mode, with the same statistics."""
    made: torch.nn.Module
    if isinstance(module, nn.Sequential):
        made = torch.nn.Sequential()
        for name, child in module.named_children():
            made.add_module(name, _structure(child, masks))
    elif isinstance(module, nn.Residual):
        made = Residual(_structure(module.inner, masks))
    elif isinstance(module, nn.Dropout):
        made = FixedDropout(masks[module]) if module in masks else torch.nn.Dropout(module.p)
    else:
        made = MODULES[type(module)](module)
        for name, values in module.statistics.items():
            setattr(made, name, values.clone())
    made.training = module.training
    return made


def _padded(margins: Margins, convolution: Callable[..., torch.nn.Module]) -> torch.nn.Module:
    """A convolution with that many zeros around the image; PyTorch's own has as many before as
    behind, and warns about padding="same" where it has not."""
    (top, bottom), (left, right) = margins
    if (top, left) == (bottom, right):
        return convolution(padding=(top, left))
    pad = torch.nn.ZeroPad2d((left, right, top, bottom))
    return torch.nn.Sequential(pad, convolution(padding=0))


def _conv2d(layer: nn.Conv2d) -> torch.nn.Module:
    return _padded(
        layer.windows.padding,
        lambda padding: torch.nn.Conv2d(
            *(layer.in_channels, layer.out_channels, layer.kernel_size),
            stride=layer.windows.stride,
            padding=padding,
            dilation=layer.windows.dilation,
            bias=layer.bias is not None,
        ),
    )


def _upsample_conv2d(layer: nn.UpsampleConv2d) -> torch.nn.Module:
    convolution = _padded(
        layer.enlarged.padding,
        lambda padding: torch.nn.Conv2d(
            *(layer.in_channels, layer.out_channels, layer.kernel_size),
            padding=padding,
            bias=layer.bias is not None,
        ),
    )
    factors = tuple(float(factor) for factor in layer.scale_factor)
    return torch.nn.Sequential(torch.nn.Upsample(scale_factor=factors), convolution)


def _conv_transpose2d(layer: nn.ConvTranspose2d) -> torch.nn.Module:
    return torch.nn.ConvTranspose2d(
        *(layer.in_channels, layer.out_channels, layer.kernel_size),
        stride=layer.windows.stride,
        padding=layer.padding,
        output_padding=layer.output_padding,
        bias=layer.bias is not None,
        dilation=layer.windows.dilation,
    )


def _upsample(layer: nn.Upsample) -> torch.nn.Module:
    corners = None if layer.mode == "nearest" else False
    return torch.nn.Upsample(layer.size, layer.scale_factor, layer.mode, corners)


def _max_pool2d(layer: nn.MaxPool2d) -> torch.nn.Module:
    windows = layer.windows
    return torch.nn.MaxPool2d(
        windows.kernel_size, windows.stride, layer.padding, dilation=windows.dilation
    )


def _global_avg_pool2d(layer: nn.GlobalAvgPool2d) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())


# Sequential, Residual and Dropout are in `_structure`: they have modules or a mask inside.
MODULES: dict[type[nn.Module], Callable[[Any], torch.nn.Module]] = {
    nn.Linear: lambda m: torch.nn.Linear(m.in_features, m.out_features, m.bias is not None),
    nn.ReLU: lambda m: torch.nn.ReLU(),
    nn.LeakyReLU: lambda m: torch.nn.LeakyReLU(m.negative_slope),
    nn.Sigmoid: lambda m: torch.nn.Sigmoid(),
    nn.Tanh: lambda m: torch.nn.Tanh(),
    nn.GELU: lambda m: torch.nn.GELU(),
    nn.SiLU: lambda m: torch.nn.SiLU(),
    nn.Softmax: lambda m: torch.nn.Softmax(-1),
    nn.Flatten: lambda m: torch.nn.Flatten(),
    nn.Conv2d: _conv2d,
    nn.ConvTranspose2d: _conv_transpose2d,
    nn.Upsample: _upsample,
    nn.UpsampleConv2d: _upsample_conv2d,
    nn.MaxPool2d: _max_pool2d,
    nn.AvgPool2d: lambda m: torch.nn.AvgPool2d(m.windows.kernel_size, m.windows.stride, m.padding),
    nn.GlobalAvgPool2d: _global_avg_pool2d,
    nn.BatchNorm1d: lambda m: torch.nn.BatchNorm1d(m.num_features, m.eps, m.momentum),
    nn.BatchNorm2d: lambda m: torch.nn.BatchNorm2d(m.num_features, m.eps, m.momentum),
    nn.LayerNorm: lambda m: torch.nn.LayerNorm(m.normalized_shape, m.eps),
}
