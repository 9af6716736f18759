"""PyTorch's counterparts: everything public has one, and it has the options that were given.

The options are written out here once more: a layer that mixed two of them up would give its
counterpart the same mistake.
"""

from __future__ import annotations

import pytest
import torch
from cases import public

from minidl import nn, optim
from minidl.reference import (
    LOSSES,
    MODULES,
    OPTIMIZERS,
    counterpart,
    loss_counterpart,
    optimizer_counterpart,
)


def test_every_module_loss_and_optimizer_has_one() -> None:
    containers = {nn.Sequential, nn.Residual}
    assert public(nn, nn.Module) - {nn.Activation} == {*MODULES, *containers}
    assert public(nn, nn.Loss) == {*LOSSES}
    assert public(optim, optim.Optimizer) == {*OPTIMIZERS}


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Linear(3, 2, bias=False), "Linear(in_features=3, out_features=2, bias=False)"),
        (nn.LeakyReLU(0.3), "LeakyReLU(negative_slope=0.3)"),
        (nn.Softmax(), "Softmax(dim=-1)"),
        (nn.Dropout(0.3), "Dropout(p=0.3, inplace=False)"),
        (
            nn.Conv2d(2, 3, (3, 2), (2, 1), (1, 0), (1, 2), False),
            "Conv2d(2, 3, kernel_size=(3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), "
            "bias=False)",
        ),
        (
            nn.ConvTranspose2d(2, 3, (4, 5), (3, 2), (1, 2), (2, 1), True, (2, 1)),
            "ConvTranspose2d(2, 3, kernel_size=(4, 5), stride=(3, 2), padding=(1, 2), "
            "dilation=(2, 1), output_padding=(2, 1))",
        ),
        (
            nn.Conv2d(4, 6, 3, groups=2),
            "Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), groups=2)",
        ),
        (nn.Upsample((2, 1.5), "bilinear"), "Upsample(scale_factor=(2.0, 1.5), mode='bilinear')"),
        (nn.Upsample(size=(4, 5)), "Upsample(size=(4, 5), mode='nearest')"),
        (
            nn.MaxPool2d((3, 2), (2, 1), (1, 0), 2),
            "MaxPool2d(kernel_size=(3, 2), stride=(2, 1), padding=(1, 0), dilation=(2, 2), "
            "ceil_mode=False)",
        ),
        (
            nn.AvgPool2d((3, 2), 1, 1),
            "AvgPool2d(kernel_size=(3, 2), stride=(1, 1), padding=(1, 1))",
        ),
        (
            nn.BatchNorm2d(4, 0.1, 0.2),
            "BatchNorm2d(4, eps=0.1, momentum=0.2, affine=True, track_running_stats=True)",
        ),
        (
            nn.BatchNorm1d(4),
            "BatchNorm1d(4, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)",
        ),
        (
            nn.BatchNorm1d(4, affine=False),
            "BatchNorm1d(4, eps=1e-05, momentum=0.1, affine=False, track_running_stats=True)",
        ),
        (nn.LayerNorm((3, 2), 0.1), "LayerNorm((3, 2), eps=0.1, elementwise_affine=True)"),
        (
            nn.LayerNorm(3, elementwise_affine=False),
            "LayerNorm((3,), eps=1e-05, elementwise_affine=False)",
        ),
        (nn.RMSNorm(3, 0.1, False), "RMSNorm((3,), eps=0.1, elementwise_affine=False)"),
        (nn.GroupNorm(2, 4, 0.1, False), "GroupNorm(2, 4, eps=0.1, affine=False)"),
    ],
    ids=repr,
)
def test_a_counterpart_has_the_layers_options(layer: nn.Module, expected: str) -> None:
    shown = repr(counterpart(layer)).replace(", bias=True", "")
    shown = shown.replace("affine=False, bias=False", "affine=False")  # newer versions say both
    assert shown == expected


def test_upsampling_is_upsample_then_a_convolution_that_keeps_the_size() -> None:
    made = repr(counterpart(nn.UpsampleConv2d(2, 3, (3, 2), (2, 3))))
    for part in ("scale_factor=(2.0, 3.0), mode='nearest'", "kernel_size=(3, 2)", "(0, 1, 1, 1)"):
        assert part in made


def test_it_has_the_networks_parameters_statistics_and_mode() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.2)).eval()
    network["norm_1"].statistics["running_mean"].fill_(2)
    made = counterpart(network)
    assert torch.equal(next(made.parameters()), network.parameters()[0].data)
    assert made.norm_1.running_mean.tolist() == [2.0] * 3  # type: ignore[operator, union-attr]
    assert not any(module.training for module in made.modules())
    assert all(module.training for module in counterpart(network.train()).modules())


def test_a_mask_takes_the_place_of_random_ones() -> None:
    layer = nn.Dropout(0.5)
    y = layer(torch.ones(4, 5))
    assert torch.equal(counterpart(layer, {layer: layer.mask})(torch.ones(4, 5)), y)  # type: ignore[dict-item]


def test_losses_and_optimizers_have_the_options_too() -> None:
    loss = loss_counterpart(nn.CrossEntropyLoss("sum", label_smoothing=0.2))
    assert (loss.reduction, loss.label_smoothing) == ("sum", 0.2)  # type: ignore[comparison-overlap]
    network = nn.Linear(2, 1)
    adam = optim.Adam(network, lr=0.3, betas=(0.1, 0.2), eps=0.4, weight_decay=0.5, amsgrad=True)
    made = optimizer_counterpart(adam, [torch.zeros(1)])
    wanted = {"lr": 0.3, "betas": (0.1, 0.2), "eps": 0.4, "weight_decay": 0.5, "amsgrad": True}
    assert wanted.items() <= made.param_groups[0].items()
