"""Every layer with the options that `minidl.reference` has for it, and small networks of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from minidl import nn
from minidl.reference import MODULES


@dataclass(frozen=True)
class LayerCase:
    """A layer, and the shape of one sample."""

    make: Callable[[], nn.Module]
    sample: tuple[int, ...]

    def __repr__(self) -> str:
        return repr(self.make()).replace("\n", " ")


LAYERS = [
    *(
        LayerCase(partial(case.make, kind), case.sample)
        for kind, cases in MODULES.items()
        for case in cases.tried
    ),
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
