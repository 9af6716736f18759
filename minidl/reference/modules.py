"""Modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from minidl import nn
from minidl.nn.images.windows import Margins
from minidl.reference.case import IMAGE, ROW, ModuleCases, evaluating, on

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


def state_of(network: nn.Module) -> dict[str, Tensor]:
    """Our very tensors, by the names that a counterpart's state_dict has for them."""
    made = counterpart(network)
    names = [name for name, _ in made.named_parameters()]
    found = dict(zip(names, (p.data for p in network.parameters()), strict=True))
    buffers = [name for name, _ in made.named_buffers() if not name.endswith("num_batches_tracked")]
    kept = [module.statistics for module in network.modules() if not module.draws]
    statistics = [values for own in kept for values in own.values()]
    return {**found, **dict(zip(buffers, statistics, strict=True))}


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
    elif module in masks:
        made = FixedDropout(masks[module])
    else:
        made = MODULES[type(module)].theirs(module)
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
            groups=layer.groups,
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
        groups=layer.groups,
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


# Sequential and Residual are in `_structure`: they have modules inside.
MODULES: dict[type[nn.Module], ModuleCases] = {
    nn.Linear: ModuleCases(
        lambda m: torch.nn.Linear(m.in_features, m.out_features, m.bias is not None),
        on(*ROW, out_features=300),
        [on(4, out_features=3), on(4, out_features=1), on(4, out_features=3, bias=False)],
    ),
    nn.ReLU: ModuleCases(lambda m: torch.nn.ReLU(), on(*IMAGE), [on(5)]),
    nn.LeakyReLU: ModuleCases(
        lambda m: torch.nn.LeakyReLU(m.negative_slope),
        on(*IMAGE),
        [on(5), on(5, negative_slope=0.3), on(5, negative_slope=0.0)],
    ),
    nn.ELU: ModuleCases(lambda m: torch.nn.ELU(m.alpha), on(*IMAGE), [on(5), on(5, alpha=0.3)]),
    nn.Sigmoid: ModuleCases(lambda m: torch.nn.Sigmoid(), on(*IMAGE), [on(5)]),
    nn.Tanh: ModuleCases(lambda m: torch.nn.Tanh(), on(*IMAGE), [on(5)]),
    nn.GELU: ModuleCases(
        lambda m: torch.nn.GELU(m.approximate), on(*IMAGE), [on(5), on(5, approximate="tanh")]
    ),
    nn.SiLU: ModuleCases(lambda m: torch.nn.SiLU(), on(*IMAGE), [on(5)]),
    nn.Mish: ModuleCases(lambda m: torch.nn.Mish(), on(*IMAGE), [on(5)]),
    nn.Softplus: ModuleCases(
        lambda m: torch.nn.Softplus(m.beta, threshold=40),  # where it is x in float64, too
        on(*IMAGE),
        [on(5), on(5, beta=2.5)],
    ),
    nn.Softmax: ModuleCases(lambda m: torch.nn.Softmax(-1), on(*ROW), [on(5)]),
    nn.Flatten: ModuleCases(lambda m: torch.nn.Flatten(), on(*IMAGE), [on(2, 3)]),
    nn.Dropout: ModuleCases(
        lambda m: torch.nn.Dropout(m.p), on(*IMAGE), [on(5, p=0.0), evaluating(5, p=0.4)]
    ),
    nn.Conv2d: ModuleCases(_conv2d, on(*IMAGE, out_channels=3, kernel_size=3), [
        on(3, 5, 4, out_channels=2, kernel_size=3),
        on(
            *(2, 5, 6), out_channels=3, kernel_size=(3, 2), stride=(2, 1), padding=(1, 0),
            dilation=(1, 2), bias=False,
        ),
        on(2, 4, 4, out_channels=3, kernel_size=3, padding="same"),
        on(3, 2, 4, out_channels=2, kernel_size=1),
        on(4, 3, 4, out_channels=6, kernel_size=2, groups=2),
        on(3, 4, 3, out_channels=3, kernel_size=3, padding="same", groups=3),
    ]),
    nn.ConvTranspose2d: ModuleCases(
        _conv_transpose2d,
        on(*IMAGE, out_channels=3, kernel_size=3, stride=2, padding=1, output_padding=1),
        [
            on(3, 3, 2, out_channels=2, kernel_size=3, stride=2, padding=1, output_padding=1),
            on(2, 3, 4, out_channels=3, kernel_size=(2, 3), bias=False, dilation=(2, 1)),
            on(4, 3, 2, out_channels=6, kernel_size=2, stride=2, groups=2),
        ],
    ),
    nn.UpsampleConv2d: ModuleCases(_upsample_conv2d, on(*IMAGE, out_channels=3, kernel_size=3), [
        on(2, 3, 2, out_channels=3, kernel_size=3),
        on(
            *(2, 3, 2), out_channels=3, kernel_size=(3, 2), scale_factor=(2, 3), padding=0,
            bias=False,
        ),
    ]),
    nn.Upsample: ModuleCases(_upsample, on(*IMAGE, scale_factor=2.0), [
        on(2, 3, 2, scale_factor=2.0),
        on(2, 4, 2, scale_factor=(1.5, 3.0)),
        on(2, 3, 4, size=(2, 5)),
        on(2, 3, 2, scale_factor=2.0, mode="bilinear"),
        on(2, 3, 4, size=(5, 2), mode="bilinear"),
    ]),
    nn.MaxPool2d: ModuleCases(_max_pool2d, on(*IMAGE, kernel_size=2), [
        on(2, 4, 5, kernel_size=2),
        on(2, 4, 5, kernel_size=(3, 2), stride=(2, 1), padding=1),
        on(2, 4, 5, kernel_size=2, dilation=2),
    ]),
    nn.AvgPool2d: ModuleCases(
        lambda m: torch.nn.AvgPool2d(m.windows.kernel_size, m.windows.stride, m.padding),
        on(*IMAGE, kernel_size=2),
        [on(2, 4, 5, kernel_size=2), on(2, 4, 5, kernel_size=(3, 2), stride=(2, 1), padding=1)],
    ),
    nn.GlobalAvgPool2d: ModuleCases(_global_avg_pool2d, on(*IMAGE), [on(3, 4, 5)]),
    nn.BatchNorm1d: ModuleCases(
        lambda m: torch.nn.BatchNorm1d(m.num_features, m.eps, m.momentum, m.affine),
        on(*ROW),
        [
            on(4),
            on(2, 3, eps=0.1, momentum=0.5),
            evaluating(3),
            on(3, affine=False),
            evaluating(3, affine=False),
        ],
    ),
    nn.BatchNorm2d: ModuleCases(
        lambda m: torch.nn.BatchNorm2d(m.num_features, m.eps, m.momentum, m.affine),
        on(*IMAGE),
        [on(2, 3, 2), evaluating(2, 3, 2), on(2, 3, 2, affine=False)],
    ),
    nn.LayerNorm: ModuleCases(
        lambda m: torch.nn.LayerNorm(m.normalized_shape, m.eps, m.elementwise_affine),
        on(*IMAGE),
        [
            on(4),
            on(2, 3, 2, normalized_shape=(3, 2), eps=0.1),
            on(4, elementwise_affine=False),
        ],
    ),
    nn.RMSNorm: ModuleCases(
        lambda m: torch.nn.RMSNorm(m.normalized_shape, m.eps, m.elementwise_affine),
        on(*IMAGE),
        [
            on(4),
            on(2, 3, 2, normalized_shape=(3, 2), eps=0.1),
            on(4, elementwise_affine=False),
        ],
    ),
    nn.GroupNorm: ModuleCases(
        lambda m: torch.nn.GroupNorm(m.num_groups, m.num_channels, m.eps, m.affine),
        on(*IMAGE, num_groups=3),
        [
            on(6, 3, 2, num_groups=3),
            on(6, num_groups=2, eps=0.1),
            on(4, 3, num_groups=1, affine=False),
        ],
    ),
}  # fmt: skip
