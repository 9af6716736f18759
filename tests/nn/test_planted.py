"""Planted errors: each is the kind of mistake that the tables of cases.py must find."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from cases import (
    DIFFERENCES,
    LAYERS,
    LayerCase,
    central_differences,
    error,
    samples,
    with_parameters,
)
from torch import Tensor

from minidl import nn
from minidl.nn.windows import Windows


def _shifted(self: Windows, padded: Tensor, count: tuple[int, int]) -> Tensor:
    return _over(self, padded, count).flip(-2)


_over = Windows.over


@pytest.mark.parametrize(
    ("kind", "method", "wrong"),
    [
        (nn.Conv2d, "add_weight_gradient", lambda self, m: None),
        (nn.Conv2d, "add_bias_gradient", lambda self, dy: None),
        (nn.ConvTranspose2d, "add_weight_gradient", lambda self, m: None),
        (nn.UpsampleConv2d, "add_kernel_gradient", lambda self, m: None),
        (nn.MaxPool2d, "backward", lambda self, g: nn.AvgPool2d.backward(self, g)),
        (nn.AvgPool2d, "share", lambda self, like: self.constant(0.3, like)),
        (nn.GlobalAvgPool2d, "backward", lambda self, g: torch.zeros_like(self.image)),
        (nn.Upsample, "backward", lambda self, g: torch.zeros_like(self.x.movedim(-1, -3))),
        (nn.BatchNorm1d, "add_gradient", lambda self, p, terms: None),
        (nn.BatchNorm2d, "backward", lambda self, g: g * self.inverse),
        (nn.LayerNorm, "backward", lambda self, g: g * self.inverse),
        (nn.Residual, "backward", lambda self, g: self.inner.backward(g)),
    ],
)
def test_a_planted_error_is_found(
    kind: type[nn.Module],
    method: str,
    wrong: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kind, method, wrong)
    if (kind, method) == (nn.MaxPool2d, "backward"):
        monkeypatch.setattr(kind, "share", nn.AvgPool2d.share, raising=False)
    found = [_disagrees(case) for case in LAYERS if type(case.make()) is kind]
    assert any(found)


def test_flipped_kernels_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Windows, "over", _shifted)
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.UpsampleConv2d)
    for kind in kinds:
        cases = [case for case in LAYERS if type(case.make()) is kind]
        assert any(_forward_disagrees(case) for case in cases)


def _forward_disagrees(case: LayerCase) -> bool:
    layer = with_parameters(case.make().to(dtype=torch.float64))
    x = samples(case.sample, None)
    expected = case.reference(x, *(p.data for p in layer.parameters()))
    return error(layer(x), expected) > 1e-13


def _disagrees(case: LayerCase) -> bool:
    """Whether backward isn't the gradient of forward, or forward not PyTorch's."""
    layer = with_parameters(case.make().to(dtype=torch.float64))
    x = samples(case.sample, None, count=3)
    weights = torch.randn(layer(x).shape, generator=torch.Generator().manual_seed(1)).double()
    layer.forward(x)
    layer.zero_grad()
    grads = [layer.backward(weights.clone()).clone(), *(p.grad.clone() for p in layer.parameters())]

    def value() -> float:
        return (layer.forward(x) * weights).sum().item()

    places = [x, *(p.data for p in layer.parameters())]
    differences = [central_differences(value, place) for place in places]
    wrong = any(error(g, d) > DIFFERENCES for g, d in zip(grads, differences, strict=True))
    return wrong or _forward_disagrees(case)
