"""Layers on images: sizes, messages, names, the order of memory, several networks at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from cases import LAYERS, LayerCase, error, samples, with_parameters
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
        (nn.ConvTranspose2d(1, 1, 2, padding=2), (1, 2, 2), r"its padding leaves -1×-1 pixels"),
        (nn.Upsample(0.3), (1, 2, 9), r"Upsample\(0.3\) can't take 1×2×9: 0×2 pixels would be"),
        (nn.UpsampleConv2d(1, 1, 5, padding=0), (1, 2, 2), r"5×5 kernel is larger than the 4×4 in"),
    ],
)
def test_images_that_do_not_fit_are_named_with_the_sizes(
    layer: nn.Module, image: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        layer.output_shape(image)
    with pytest.raises(ValueError, match="can't take"):
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
        (lambda: nn.Conv2d(4, 6, 3, groups=4), "groups must divide 4 input and 6 output channels"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, groups=2), "groups must divide 3 input and 4 output"),
        (lambda: nn.MaxPool2d(2, padding=2), "padding must be at most half the kernel size 2"),
        (lambda: nn.Upsample(), "Upsample needs either scale_factor or size"),
        (lambda: nn.Upsample(2, size=4), "Upsample needs either scale_factor or size"),
        (lambda: nn.Upsample(2, "cubic"), "mode must be nearest or bilinear, but got 'cubic'"),  # type: ignore[arg-type]
        (lambda: nn.Upsample(0), "scale_factor must be > 0, one number or two, but got 0"),
        (lambda: nn.BatchNorm2d(0), "BatchNorm2d needs sizes of at least 1"),
        (lambda: nn.BatchNorm1d(2, momentum=0), "momentum must be above 0 and at most 1"),
        (lambda: nn.LayerNorm(3, eps=0), "eps must be > 0, but got 0"),
        (lambda: nn.GroupNorm(3, 4), "num_groups must divide the 4 channels, but got 3"),
        (lambda: nn.GroupNorm(0, 4), "num_groups must divide the 4 channels, but got 0"),
    ],
)  # fmt: skip
def test_impossible_options_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_repr_gives_what_differs_from_the_defaults() -> None:
    assert repr(nn.Conv2d(3, 8, 3)) == "Conv2d(3, 8, kernel_size=3)"
    layer = nn.Conv2d(3, 8, (3, 1), stride=2, padding=(1, 0), bias=False)
    assert repr(layer) == "Conv2d(3, 8, kernel_size=(3, 1), stride=2, padding=(1, 0), bias=False)"
    assert repr(nn.Conv2d(4, 8, 3, groups=4)) == "Conv2d(4, 8, kernel_size=3, groups=4)"
    assert repr(nn.MaxPool2d(3, stride=2, padding=1)) == "MaxPool2d(3, stride=2, padding=1)"
    assert repr(nn.Upsample(size=(4, 8), mode="bilinear")) == (
        "Upsample(size=(4, 8), mode='bilinear')"
    )
    assert repr(nn.ConvTranspose2d(3, 8, 3, 2, 1, 1, False, (2, 1))) == (
        "ConvTranspose2d(3, 8, kernel_size=3, stride=2, padding=1, dilation=(2, 1), "
        "output_padding=1, bias=False)"
    )
    assert repr(nn.UpsampleConv2d(3, 8, 3, 3, 0)) == (
        "UpsampleConv2d(3, 8, kernel_size=3, scale_factor=3, padding=0)"
    )
    assert repr(nn.MaxPool2d(2, stride=2)) == "MaxPool2d(2)"
    assert repr(nn.Upsample((2, 2))) == "Upsample(2)"
    assert repr(nn.GlobalAvgPool2d()) == "GlobalAvgPool2d()"
    assert repr(nn.BatchNorm2d(3, momentum=0.2)) == "BatchNorm2d(3, momentum=0.2)"
    assert repr(nn.LayerNorm((4,), eps=0.1)) == "LayerNorm(4, eps=0.1)"
    assert repr(nn.LayerNorm((4, 4))) == "LayerNorm((4, 4))"
    assert repr(nn.RMSNorm(4, elementwise_affine=False)) == "RMSNorm(4, elementwise_affine=False)"
    assert repr(nn.GroupNorm(2, 4, affine=False)) == "GroupNorm(2, num_channels=4, affine=False)"


def test_names_are_by_kind() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.MaxPool2d(2), nn.UpsampleConv2d(2, 2, 3),
        nn.Upsample(2), nn.ConvTranspose2d(2, 2, 3), nn.Residual(nn.ReLU()), nn.GlobalAvgPool2d(),
    )  # fmt: skip
    assert [name for name, _ in network.named_children()] == [
        "conv_1", "norm_1", "pool_1", "up_1", "up_2", "conv_2", "res_1", "pool_2",
    ]  # fmt: skip


def test_flatten_gives_pytorchs_order_whatever_the_order_of_memory() -> None:
    layer = nn.Flatten()
    x = samples((2, 3, 4)).transpose(0, 1).contiguous().transpose(0, 1)
    assert torch.equal(layer.forward(x), x.contiguous().view(7, 24))
    grad = torch.arange(168.0).view(7, 24)
    assert torch.equal(layer.backward(grad), grad.view(7, 2, 3, 4))


@pytest.mark.parametrize("case", IMAGE_CASES, ids=repr)
def test_the_order_of_memory_changes_no_result(case: LayerCase) -> None:
    layer = with_parameters(case.make().to(dtype=torch.float64))
    x = samples(case.sample)
    turned = x.movedim(1, -1).contiguous().movedim(-1, 1)
    y = layer(x)
    grad_output = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).double()
    grad = layer.backward(grad_output)
    assert error(layer(turned), y) < 1e-13  # sums in another order
    turned = grad_output.transpose(0, 1).contiguous().transpose(0, 1)
    assert error(layer.backward(turned), grad) < 1e-13


@pytest.mark.parametrize("case", IMAGE_CASES, ids=repr)
def test_several_networks_at_once_are_each_as_alone(case: LayerCase) -> None:
    """Under vmap, as the engine runs a step that it can't compile."""
    layer, networks = with_parameters(case.make().to(dtype=torch.float64)), 3
    own = {**layer.named_statistics(), **layer.named_settings()}
    x = samples((*case.sample,), count=2 * networks).view(networks, 2, *case.sample)
    shape = (networks, *layer.forward(x[0]).shape)
    grad_output = torch.randn(shape, generator=torch.Generator().manual_seed(1)).double()
    parameters = [
        torch.stack([p.data * (1 + i) for i in range(networks)]) for p in layer.parameters()
    ]
    statistics = {name: torch.stack([values] * networks) for name, values in own.items()}

    def run(
        data: list[Tensor], grads: list[Tensor], kept: dict[str, Tensor], x: Tensor, dy: Tensor
    ) -> tuple[Tensor, Tensor]:
        for parameter, *memory in zip(layer.parameters(), data, grads, strict=True):
            parameter.bind(*memory)
        layer.bind(kept)
        return layer.forward(x), layer.backward(dy)

    together = [torch.zeros_like(data) for data in parameters]
    kept = {name: values.clone() for name, values in statistics.items()}
    y, grad = torch.func.vmap(run)(parameters, together, kept, x, grad_output)
    for i in range(networks):
        alone = [torch.zeros_like(data[i]) for data in parameters]
        mine = {name: values[i].clone() for name, values in statistics.items()}
        expected = run([data[i] for data in parameters], alone, mine, x[i], grad_output[i])
        assert error(y[i], expected[0]) < 1e-13
        assert error(grad[i], expected[1]) < 1e-13
        assert all(error(a[i], b) < 1e-13 for a, b in zip(together, alone, strict=True))
        assert all(error(kept[name][i], mine[name]) < 1e-13 for name in mine)


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


def test_equal_maxima_give_the_gradient_to_the_first() -> None:
    layer = nn.MaxPool2d((2, 3))
    layer.forward(torch.tensor([[[[0.0, 2.0, 1.0], [2.0, 2.0, 0.0]]]]))
    grad = layer.backward(torch.ones(1, 1, 1, 1))
    assert grad.tolist() == [[[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]]]


def test_an_upsampling_convolution_is_both_one_after_the_other() -> None:
    both = nn.UpsampleConv2d(2, 3, (3, 2), (2, 3), 4).to(dtype=torch.float64).initialize(seed=1)
    apart = nn.Sequential(nn.Upsample((2, 3)), nn.Conv2d(2, 3, (3, 2), padding=4))
    apart.to(dtype=torch.float64).initialize(seed=1)
    x = samples((2, 4, 3))
    y = both(x)
    assert error(y, apart(x)) < 1e-13
    assert error(both.backward(y), apart.backward(y)) < 1e-13
    for mine, theirs in zip(both.parameters(), apart.parameters(), strict=True):
        assert error(mine.grad, theirs.grad) < 1e-13
