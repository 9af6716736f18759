"""Every layer with options worth testing, and PyTorch's counterpart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from minidl import nn


@dataclass(frozen=True)
class LayerCase:
    """A layer, the shape of one sample, and its PyTorch reference f(x, *parameters)."""

    make: Callable[[], nn.Module]
    sample: tuple[int, ...]
    reference: Callable[..., Tensor]

    def __repr__(self) -> str:
        return repr(self.make()).replace("\n", " ")


def _interpolate(**options: Any) -> Callable[[Tensor], Tensor]:
    if options.get("mode") == "bilinear":
        options["align_corners"] = False
    return lambda x: functional.interpolate(x, **options)


def _batch_norm(x: Tensor, w: Tensor, b: Tensor, eps: float = 1e-5) -> Tensor:
    return functional.batch_norm(x, None, None, w, b, training=True, eps=eps)


def _batch_norm_of_new_layer(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return functional.batch_norm(x, torch.zeros_like(w), torch.ones_like(w), w, b)


def _silu_of_tanh_added(x: Tensor) -> Tensor:
    return x + functional.silu(torch.tanh(x))


LAYERS = [
    LayerCase(lambda: nn.Linear(4, 3), (4,), functional.linear),
    LayerCase(lambda: nn.Linear(4, 1), (4,), functional.linear),
    LayerCase(lambda: nn.Linear(4, 3, bias=False), (4,), functional.linear),
    LayerCase(nn.ReLU, (5,), functional.relu),
    LayerCase(nn.LeakyReLU, (5,), functional.leaky_relu),
    LayerCase(lambda: nn.LeakyReLU(0.3), (5,), lambda x: functional.leaky_relu(x, 0.3)),
    LayerCase(lambda: nn.LeakyReLU(0.0), (5,), functional.relu),
    LayerCase(nn.Sigmoid, (5,), torch.sigmoid),
    LayerCase(nn.Tanh, (5,), torch.tanh),
    LayerCase(nn.GELU, (5,), functional.gelu),
    LayerCase(nn.SiLU, (5,), functional.silu),
    LayerCase(nn.Softmax, (5,), lambda x: functional.softmax(x, -1)),
    LayerCase(nn.Flatten, (2, 3), lambda x: x.flatten(1)),
    LayerCase(lambda: nn.Dropout(0.0), (5,), lambda x: x),
    LayerCase(lambda: nn.Conv2d(3, 2, 3), (3, 5, 4), functional.conv2d),
    LayerCase(
        lambda: nn.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), bias=False),
        (2, 5, 6),
        lambda x, w: functional.conv2d(x, w, None, (2, 1), (1, 0), (1, 2)),
    ),
    LayerCase(
        lambda: nn.Conv2d(2, 3, 3, padding="same"),
        (2, 4, 4),
        lambda x, w, b: functional.conv2d(x, w, b, padding="same"),
    ),
    LayerCase(lambda: nn.Conv2d(3, 2, 1), (3, 2, 4), functional.conv2d),
    LayerCase(
        lambda: nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1),
        (3, 3, 2),
        lambda x, w, b: functional.conv_transpose2d(x, w, b, 2, 1, 1),
    ),
    LayerCase(
        lambda: nn.ConvTranspose2d(2, 3, (2, 3), bias=False, dilation=(2, 1)),
        (2, 3, 4),
        lambda x, w: functional.conv_transpose2d(x, w, dilation=(2, 1)),
    ),
    LayerCase(lambda: nn.Upsample(2), (2, 3, 2), _interpolate(scale_factor=2)),
    LayerCase(lambda: nn.Upsample((1.5, 3)), (2, 4, 2), _interpolate(scale_factor=(1.5, 3))),
    LayerCase(lambda: nn.Upsample(size=(2, 5)), (2, 3, 4), _interpolate(size=(2, 5))),
    LayerCase(
        lambda: nn.Upsample(2, "bilinear"), (2, 3, 2), _interpolate(scale_factor=2, mode="bilinear")
    ),
    LayerCase(
        lambda: nn.Upsample(mode="bilinear", size=(5, 2)),
        (2, 3, 4),
        _interpolate(size=(5, 2), mode="bilinear"),
    ),
    LayerCase(
        lambda: nn.UpsampleConv2d(2, 3, 3),
        (2, 3, 2),
        lambda x, w, b: functional.conv2d(_interpolate(scale_factor=2)(x), w, b, padding=1),
    ),
    LayerCase(
        lambda: nn.UpsampleConv2d(2, 3, (3, 2), (2, 3), 0, bias=False),
        (2, 3, 2),
        lambda x, w: functional.conv2d(_interpolate(scale_factor=(2, 3))(x), w),
    ),
    LayerCase(lambda: nn.MaxPool2d(2), (2, 4, 5), lambda x: functional.max_pool2d(x, 2)),
    LayerCase(
        lambda: nn.MaxPool2d((3, 2), stride=(2, 1), padding=1),
        (2, 4, 5),
        lambda x: functional.max_pool2d(x, (3, 2), (2, 1), 1),
    ),
    LayerCase(lambda: nn.AvgPool2d(2), (2, 4, 5), lambda x: functional.avg_pool2d(x, 2)),
    LayerCase(
        lambda: nn.AvgPool2d((3, 2), stride=(2, 1), padding=1),
        (2, 4, 5),
        lambda x: functional.avg_pool2d(x, (3, 2), (2, 1), 1),
    ),
    LayerCase(nn.GlobalAvgPool2d, (3, 4, 5), lambda x: x.mean((-2, -1))),
    LayerCase(lambda: nn.BatchNorm1d(4), (4,), _batch_norm),
    LayerCase(lambda: nn.BatchNorm1d(2, eps=0.1), (2, 3), partial(_batch_norm, eps=0.1)),
    LayerCase(lambda: nn.BatchNorm1d(3).eval(), (3,), _batch_norm_of_new_layer),
    LayerCase(lambda: nn.BatchNorm2d(2), (2, 3, 2), _batch_norm),
    LayerCase(lambda: nn.BatchNorm2d(2).eval(), (2, 3, 2), _batch_norm_of_new_layer),
    LayerCase(
        lambda: nn.LayerNorm(4), (4,), lambda x, w, b: functional.layer_norm(x, w.shape, w, b)
    ),
    LayerCase(
        lambda: nn.LayerNorm((3, 2), eps=0.1),
        (2, 3, 2),
        lambda x, w, b: functional.layer_norm(x, w.shape, w, b, 0.1),
    ),
    LayerCase(
        lambda: nn.Residual(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 4)),
        (4,),
        lambda x, w, b, w2, b2: (
            x + functional.linear(torch.tanh(functional.linear(x, w, b)), w2, b2)
        ),
    ),
    LayerCase(
        lambda: nn.Sequential(nn.Sigmoid(), nn.Residual(nn.Tanh(), nn.SiLU()), nn.Sigmoid()),
        (5,),
        lambda x: torch.sigmoid(_silu_of_tanh_added(torch.sigmoid(x))),
    ),
    LayerCase(
        lambda: nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(6, 2)
        ),
        (2, 4, 2),
        lambda x, w, b, w2, b2: functional.linear(
            functional.max_pool2d(functional.conv2d(x, w, b, padding=1).relu(), 2).flatten(1),
            w2,
            b2,
        ),
    ),
    LayerCase(
        lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)),
        (4,),
        lambda x, w, b, w2, b2: functional.linear(torch.tanh(functional.linear(x, w, b)), w2, b2),
    ),
    LayerCase(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 3), nn.LeakyReLU(), nn.Dropout(0.0)),
        (2, 3),
        lambda x, w, b: functional.leaky_relu(functional.linear(x.flatten(1), w, b)),
    ),
]
