"""Layers on images: sizes, messages, names, and the order of memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from cases import LAYERS, STACKS, LayerCase, error, samples, with_parameters
from torch import Tensor

from minidl import nn

IMAGE_CASES = [case for case in LAYERS if len(case.sample) == 3]


@pytest.mark.parametrize(
    ("layer", "image", "message"),
    [
        (nn.Conv2d(3, 4, 5), (3, 4, 6), r"its 5×5 kernel is larger than the 4×6 input"),
        (nn.Conv2d(3, 4, 5, padding=1), (3, 2, 6), r"5×5 kernel is larger than the 4×8 input, pad"),
        (nn.Conv2d(3, 4, 3, dilation=2), (3, 4, 9), r"its 5×5 kernel \(dilated\) is larger than"),
        (nn.MaxPool2d(3), (1, 2, 2), r"MaxPool2d\(3\) can't take 1×2×2: its 3×3 kernel is larger"),
        (nn.Conv2d(3, 4, 3), (1, 8, 8), r"can't take 1×8×8: it needs 3 channels"),
        (nn.Conv2d(3, 4, 3), (8,), r"takes images \(channels, height, width\), but gets 8"),
        (nn.ConvTranspose2d(1, 1, 2, padding=2), (1, 2, 2), r"its padding leaves -1×-1 pixels"),
        (nn.Upsample(0.3), (1, 2, 9), r"Upsample\(0.3\) can't take 1×2×9: 0×2 pixels would be"),
        (nn.UpsampleConv2d(1, 1, 5, padding=0), (1, 2, 2), r"5×5 kernel is larger than the 4×4 in"),
        (nn.BatchNorm2d(3), (4, 2, 2), r"BatchNorm2d\(3\) can't take samples of shape \(4, 2, 2\)"),
        (nn.BatchNorm1d(3), (3, 2, 2), r"BatchNorm1d\(3\) can't take samples"),
        (nn.LayerNorm(3), (4,), r"LayerNorm\(3\) can't normalise the last dimensions of 4"),
    ],
)  # fmt: skip
def test_images_that_do_not_fit_are_named_with_the_sizes(
    layer: nn.Module, image: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        layer.output_shape(image)
    with pytest.raises(ValueError, match=r"can't take|takes images|can't normalise"):
        layer.forward(torch.zeros(2, *image))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv2d(0, 3, 3), "Conv2d needs at least 1 channel, got 0, 3"),
        (lambda: nn.Conv2d(3, 3, 0), "kernel_size must be >= 1, one number or two, but got 0"),
        (lambda: nn.Conv2d(3, 3, 3, stride=(1, 0)), r"stride must be >= 1, .* got \(1, 0\)"),
        (lambda: nn.Conv2d(3, 3, 3, padding=-1), "padding must be >= 0"),
        (lambda: nn.Conv2d(3, 3, 3, 2, "same"), "padding 'same' needs stride 1, but got 2"),
        (lambda: nn.ConvTranspose2d(1, 1, 3, 2, output_padding=2), "output_padding must be less"),
        (lambda: nn.MaxPool2d(2, padding=2), "padding must be at most half the kernel size 2"),
        (lambda: nn.Upsample(), "Upsample needs either scale_factor or size"),
        (lambda: nn.Upsample(2, size=4), "Upsample needs either scale_factor or size"),
        (lambda: nn.Upsample(2, "cubic"), "mode must be nearest or bilinear, but got 'cubic'"),  # type: ignore[arg-type]
        (lambda: nn.Upsample(0), "scale_factor must be > 0, one number or two, but got 0"),
        (lambda: nn.BatchNorm2d(0), "BatchNorm2d needs sizes of at least 1"),
        (lambda: nn.BatchNorm1d(2, momentum=0), "momentum must be above 0 and at most 1"),
        (lambda: nn.LayerNorm(3, eps=0), "eps must be > 0, but got 0"),
    ],
)  # fmt: skip
def test_impossible_options_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_repr_gives_what_differs_from_the_defaults() -> None:
    assert repr(nn.Conv2d(3, 8, 3)) == "Conv2d(3, 8, kernel_size=3)"
    layer = nn.Conv2d(3, 8, (3, 1), stride=2, padding=(1, 0), bias=False)
    assert repr(layer) == "Conv2d(3, 8, kernel_size=(3, 1), stride=2, padding=(1, 0), bias=False)"
    assert repr(nn.MaxPool2d(3, stride=2, padding=1)) == "MaxPool2d(3, stride=2, padding=1)"
    assert repr(nn.Upsample(size=(4, 8), mode="bilinear")) == (
        "Upsample(size=(4, 8), mode='bilinear')"
    )


def test_names_are_by_kind() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.MaxPool2d(2), nn.UpsampleConv2d(2, 2, 3),
        nn.Upsample(2), nn.ConvTranspose2d(2, 2, 3), nn.Residual(nn.ReLU()), nn.GlobalAvgPool2d(),
    )  # fmt: skip
    assert [name for name, _ in network.named_children()] == [
        "conv_1", "norm_1", "pool_1", "up_1", "up_2", "conv_2", "res_1", "pool_2",
    ]  # fmt: skip


@pytest.mark.parametrize("networks", STACKS)
def test_flatten_gives_pytorchs_order_whatever_the_order_of_memory(networks: int | None) -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, 1), nn.Flatten()).stack(networks)
    x = samples((2, 3, 4), networks).float()
    image = network[0].forward(x)
    assert not image.is_contiguous()
    assert torch.equal(network(x), image.flatten(-3))
    grad = torch.arange(36.0).expand(network(x).shape)
    back = network[1].backward(grad)
    assert torch.equal(back.flatten(-3), grad)


@pytest.mark.parametrize("networks", STACKS)
@pytest.mark.parametrize("case", IMAGE_CASES, ids=repr)
def test_the_order_of_memory_changes_no_result(case: LayerCase, networks: int | None) -> None:
    layer = with_parameters(case.make().to(dtype=torch.float64).stack(networks))
    x = samples(case.sample, networks)
    turned = x.movedim(-3, -1).contiguous().movedim(-1, -3)
    y = layer(x)
    grad_output = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).double()
    grad = layer.backward(grad_output.clone()).clone()
    assert error(layer(turned), y) < 1e-13  # sums in another order
    assert error(layer.backward(grad_output), grad) < 1e-13


@pytest.mark.parametrize("networks", STACKS)
@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Conv2d(2, 3, 3, stride=2, padding=1),
        lambda: nn.Conv2d(4, 2, 3),
        lambda: nn.ConvTranspose2d(2, 3, 3, stride=2),
        lambda: nn.UpsampleConv2d(2, 3, 3),
        lambda: nn.UpsampleConv2d(4, 2, 3),
    ],
)
def test_parts_of_a_batch_give_what_the_whole_gives(
    make: Callable[[], nn.Module], networks: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = with_parameters(make().to(dtype=torch.float64).stack(networks))
    x = samples((layer.in_channels, 4, 5), networks)  # type: ignore[attr-defined]

    def run() -> list[Tensor]:
        layer.zero_grad()
        y = layer(x)
        grad = layer.backward(torch.ones_like(y)).clone()
        return [y, grad, *(p.grad.clone() for p in layer.parameters())]

    whole = run()
    for limit in (1, 1000):  # one sample at a time; a few
        for module in ("conv", "transposed", "upsample_conv"):
            monkeypatch.setattr(f"minidl.nn.{module}.COLUMNS_AT_ONCE", limit)
        assert all(error(a, b) < 1e-13 for a, b in zip(run(), whole, strict=True))


@pytest.mark.parametrize("make", [nn.Conv2d, nn.UpsampleConv2d])
def test_weights_start_in_the_range_of_pytorchs(make: Callable[..., nn.Conv2d]) -> None:
    layer = make(16, 8, 3).initialize(seed=0)
    bound = (16 * 9) ** -0.5
    assert 0.98 * bound < layer.weight.data.abs().max().item() <= bound
    assert layer.bias is not None
    assert 0 < layer.bias.data.abs().max().item() <= bound


def test_he_counts_what_an_output_sees() -> None:
    std = nn.Conv2d(32, 64, 3).initialize("he", seed=0, gain=1.0).weight.data.std().item()
    assert std == pytest.approx((32 * 9) ** -0.5, rel=0.02)  # 18,432 draws: off by 0.5 %
    transposed = nn.ConvTranspose2d(64, 32, 4, stride=2).initialize("he", seed=0, gain=1.0)
    assert transposed.weight.data.std().item() == pytest.approx((64 * 4) ** -0.5, rel=0.02)


def test_a_convolution_without_input_gradient_has_the_same_parameters_gradients() -> None:
    layers = (nn.Conv2d(2, 3, 3), nn.Conv2d(4, 2, 3), nn.ConvTranspose2d(2, 3, 3),
              nn.UpsampleConv2d(2, 3, 3), nn.UpsampleConv2d(4, 2, 3))  # fmt: skip
    for layer in layers:
        y = layer(torch.ones(2, layer.in_channels, 4, 4))
        layer.backward(torch.ones_like(y))
        full = [p.grad.clone() for p in layer.parameters()]
        layer.skip_input_gradient()
        layer.zero_grad()
        assert layer.backward(torch.ones_like(y)).numel() == 0
        assert all(torch.equal(p.grad, g) for p, g in zip(layer.parameters(), full, strict=True))
