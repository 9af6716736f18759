"""Every layer with options worth testing; `minidl.reference` has PyTorch's counterparts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from minidl import nn


@dataclass(frozen=True)
class LayerCase:
    """A layer, and the shape of one sample."""

    make: Callable[[], nn.Module]
    sample: tuple[int, ...]

    def __repr__(self) -> str:
        return repr(self.make()).replace("\n", " ")


LAYERS = [
    LayerCase(lambda: nn.Linear(4, 3), (4,)),
    LayerCase(lambda: nn.Linear(4, 1), (4,)),
    LayerCase(lambda: nn.Linear(4, 3, bias=False), (4,)),
    LayerCase(nn.ReLU, (5,)),
    LayerCase(nn.LeakyReLU, (5,)),
    LayerCase(lambda: nn.LeakyReLU(0.3), (5,)),
    LayerCase(lambda: nn.LeakyReLU(0.0), (5,)),
    LayerCase(nn.Sigmoid, (5,)),
    LayerCase(nn.Tanh, (5,)),
    LayerCase(nn.GELU, (5,)),
    LayerCase(nn.SiLU, (5,)),
    LayerCase(nn.Softmax, (5,)),
    LayerCase(nn.Flatten, (2, 3)),
    LayerCase(lambda: nn.Dropout(0.0), (5,)),
    LayerCase(lambda: nn.Dropout(0.4).eval(), (5,)),
    LayerCase(lambda: nn.Conv2d(3, 2, 3), (3, 5, 4)),
    LayerCase(
        lambda: nn.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), bias=False),
        (2, 5, 6),
    ),
    LayerCase(lambda: nn.Conv2d(2, 3, 3, padding="same"), (2, 4, 4)),
    LayerCase(lambda: nn.Conv2d(3, 2, 1), (3, 2, 4)),
    LayerCase(
        lambda: nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1), (3, 3, 2)
    ),
    LayerCase(lambda: nn.ConvTranspose2d(2, 3, (2, 3), bias=False, dilation=(2, 1)), (2, 3, 4)),
    LayerCase(lambda: nn.Upsample(2), (2, 3, 2)),
    LayerCase(lambda: nn.Upsample((1.5, 3)), (2, 4, 2)),
    LayerCase(lambda: nn.Upsample(size=(2, 5)), (2, 3, 4)),
    LayerCase(lambda: nn.Upsample(2, "bilinear"), (2, 3, 2)),
    LayerCase(lambda: nn.Upsample(mode="bilinear", size=(5, 2)), (2, 3, 4)),
    LayerCase(lambda: nn.UpsampleConv2d(2, 3, 3), (2, 3, 2)),
    LayerCase(lambda: nn.UpsampleConv2d(2, 3, (3, 2), (2, 3), 0, bias=False), (2, 3, 2)),
    LayerCase(lambda: nn.MaxPool2d(2), (2, 4, 5)),
    LayerCase(lambda: nn.MaxPool2d((3, 2), stride=(2, 1), padding=1), (2, 4, 5)),
    LayerCase(lambda: nn.AvgPool2d(2), (2, 4, 5)),
    LayerCase(lambda: nn.AvgPool2d((3, 2), stride=(2, 1), padding=1), (2, 4, 5)),
    LayerCase(nn.GlobalAvgPool2d, (3, 4, 5)),
    LayerCase(lambda: nn.BatchNorm1d(4), (4,)),
    LayerCase(lambda: nn.BatchNorm1d(2, eps=0.1), (2, 3)),
    LayerCase(lambda: nn.BatchNorm1d(3).eval(), (3,)),
    LayerCase(lambda: nn.BatchNorm2d(2), (2, 3, 2)),
    LayerCase(lambda: nn.BatchNorm2d(2).eval(), (2, 3, 2)),
    LayerCase(lambda: nn.LayerNorm(4), (4,)),
    LayerCase(lambda: nn.LayerNorm((3, 2), eps=0.1), (2, 3, 2)),
    LayerCase(lambda: nn.Residual(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 4)), (4,)),
    LayerCase(
        lambda: nn.Sequential(nn.Sigmoid(), nn.Residual(nn.Tanh(), nn.SiLU()), nn.Sigmoid()), (5,)
    ),
    LayerCase(
        lambda: nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(6, 2)
        ),
        (2, 4, 2),
    ),
    LayerCase(lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), (4,)),
    LayerCase(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 3), nn.LeakyReLU(), nn.Dropout(0.0)),
        (2, 3),
    ),
]
