"""Layers against PyTorch, over random shapes and options.

Float64 sums in another order: 1e-13 of the largest entry, where a wrong index is off by about 1.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from cases import error, with_parameters
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from minidl import nn
from minidl.reference import MODULES, counterpart

TOLERANCE = 1e-13
CONFIGURATIONS = 100

random_configurations = settings(max_examples=CONFIGURATIONS, derandomize=True)


def per_axis(low: int, high: int) -> st.SearchStrategy[int | tuple[int, int]]:
    """One number, or one per axis."""
    number = st.integers(low, high)
    return st.one_of(number, st.tuples(number, number))


batches = st.fixed_dictionaries(
    {
        "samples": st.integers(1, 3),
        "channels": st.integers(1, 4),
        "size": st.tuples(st.integers(1, 9), st.integers(1, 9)),
        "channels_last": st.booleans(),
    }
)


def both(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def images(batch: dict[str, Any], sample: tuple[int, ...], seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch["samples"], *sample, generator=generator, dtype=torch.float64)
    if batch["channels_last"] and len(sample) == 3:
        return x.movedim(-3, -1).contiguous().movedim(-1, -3)
    return x


def check(layer: nn.Module, batch: dict[str, Any], sample: tuple[int, ...] | None = None) -> None:
    """Compare output and all gradients."""
    sample = sample or (batch["channels"], *batch["size"])
    with_parameters(layer.to(dtype=torch.float64))
    for values in layer.statistics.values():  # others than those of a new layer
        values.copy_(torch.rand(values.shape, generator=torch.Generator().manual_seed(4)) + 0.5)
    reference = counterpart(layer)
    x = images(batch, sample)
    before, leaf = x.clone(), x.clone().requires_grad_()
    y, expected = layer(x), reference(leaf)
    assert y.shape[1:] == layer.output_shape(sample)
    assert y.shape == expected.shape
    grad_output = images(batch, tuple(y.shape[1:]), seed=2)
    layer.zero_grad()
    grad = layer.backward(grad_output)
    expected.backward(grad_output)
    assert torch.equal(x, before)
    assert error(y, expected.detach()) <= TOLERANCE
    assert leaf.grad is not None
    assert error(grad, leaf.grad) <= TOLERANCE
    for mine, theirs in zip(layer.parameters(), reference.parameters(), strict=True):
        assert theirs.grad is not None
        assert error(mine.grad, theirs.grad) <= TOLERANCE


def fits(kernel: Any, padding: Any, dilation: Any, size: tuple[int, int]) -> bool:
    spans = [d * (k - 1) + 1 for d, k in zip(both(dilation), both(kernel), strict=True)]
    return all(n + 2 * p >= s for n, p, s in zip(size, both(padding), spans, strict=True))


@random_configurations
@given(
    batches, st.integers(1, 4), per_axis(1, 4), per_axis(1, 3), per_axis(0, 3), per_axis(1, 3),
    st.booleans(),
)  # fmt: skip
def test_conv2d(
    batch: Any, out: int, kernel: Any, stride: Any, padding: Any, dilation: Any, bias: bool
) -> None:
    assume(fits(kernel, padding, dilation, batch["size"]))
    layer = nn.Conv2d(batch["channels"], out, kernel, stride, padding, dilation, bias)
    check(layer, batch)


@random_configurations
@given(
    batches, st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), per_axis(1, 3),
    per_axis(1, 2), st.sampled_from([nn.Conv2d, nn.ConvTranspose2d]),
)  # fmt: skip
def test_groups(
    batch: Any, groups: int, each_in: int, each_out: int, kernel: Any, stride: Any, kind: Any
) -> None:
    assume(fits(kernel, 0, 1, batch["size"]))
    channels = groups * each_in
    layer = kind(channels, groups * each_out, kernel, stride, groups=groups)
    check(layer, batch, (channels, *batch["size"]))


@random_configurations
@given(batches, st.integers(1, 4), per_axis(1, 5), per_axis(1, 3))
def test_conv2d_that_keeps_the_size(batch: Any, out: int, kernel: Any, dilation: Any) -> None:
    layer = nn.Conv2d(batch["channels"], out, kernel, padding="same", dilation=dilation)
    check(layer, batch)


@random_configurations
@given(
    batches, st.integers(1, 4), per_axis(1, 4), per_axis(1, 3), per_axis(0, 2), per_axis(1, 3),
    per_axis(0, 2), st.booleans(),
)  # fmt: skip
def test_conv_transpose2d(
    batch: Any, out: int, kernel: Any, stride: Any, padding: Any, dilation: Any, extra: Any,
    bias: bool,
) -> None:  # fmt: skip
    axes = zip(both(extra), both(stride), both(dilation), strict=True)
    assume(all(e < max(s, d) for e, s, d in axes))
    axes = zip(batch["size"], both(stride), both(kernel), both(dilation), both(extra), both(padding), strict=True)  # noqa: E501  # fmt: skip
    assume(all(s * (n - 1) + d * (k - 1) + 1 + e - 2 * p > 0 for n, s, k, d, e, p in axes))  # type: ignore[misc]
    layer = nn.ConvTranspose2d(
        batch["channels"], out, kernel, stride, padding, extra, bias, dilation
    )
    check(layer, batch)


@random_configurations
@given(batches, per_axis(1, 4), st.none() | per_axis(1, 4), per_axis(0, 2), per_axis(1, 3))
def test_max_pool2d(batch: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> None:
    assume(all(2 * p <= k for p, k in zip(both(padding), both(kernel), strict=True)))
    assume(fits(kernel, padding, dilation, batch["size"]))
    layer = nn.MaxPool2d(kernel, stride, padding, dilation)
    # PyTorch crashes where a window lies outside the image altogether.
    x = images(batch, (batch["channels"], *batch["size"]))
    assume(layer.to(dtype=torch.float64).forward(x).isfinite().all())
    check(layer, batch)


@random_configurations
@given(batches, per_axis(1, 4), st.none() | per_axis(1, 4), per_axis(0, 2))
def test_avg_pool2d(batch: Any, kernel: Any, stride: Any, padding: Any) -> None:
    assume(all(2 * p <= k for p, k in zip(both(padding), both(kernel), strict=True)))
    assume(fits(kernel, padding, 1, batch["size"]))
    layer = nn.AvgPool2d(kernel, stride, padding)
    check(layer, batch)


scales = st.one_of(st.integers(1, 4), st.floats(0.3, 3.5).map(lambda f: round(f, 2)))


@random_configurations
@given(
    batches, st.sampled_from(["nearest", "bilinear"]), st.booleans(), per_axis(1, 14),
    st.one_of(scales, st.tuples(scales, scales)),
)  # fmt: skip
def test_upsample(batch: Any, mode: Any, by_size: bool, size: Any, scale: Any) -> None:
    factors = both(scale) if isinstance(scale, tuple) else (scale, scale)
    assume(by_size or all(int(n * f) >= 1 for n, f in zip(batch["size"], factors, strict=True)))
    given_ = {"size": size} if by_size else {"scale_factor": scale}
    layer = nn.Upsample(mode=mode, **given_)
    check(layer, batch)


@random_configurations
@given(batches, st.integers(1, 4), per_axis(1, 5), per_axis(1, 4), st.just("same") | per_axis(0, 3))
def test_upsample_conv2d(batch: Any, out: int, kernel: Any, scale: Any, padding: Any) -> None:
    large = tuple(n * f for n, f in zip(batch["size"], both(scale), strict=True))
    assume(padding == "same" or fits(kernel, padding, 1, large))
    check(nn.UpsampleConv2d(batch["channels"], out, kernel, scale, padding), batch)


@random_configurations
@given(batches)
def test_global_avg_pool2d(batch: Any) -> None:
    check(nn.GlobalAvgPool2d(), batch)


# Where few numbers are normalised together, their gradients cancel almost completely, in PyTorch's
# rounding as in ours: of two numbers nothing but ε is left.
SMALLEST_GROUP = 6

epsilons = st.sampled_from([1e-5, 1e-2, 1.0])


@random_configurations
@given(batches, epsilons, st.booleans())
def test_batch_norm2d(batch: Any, eps: float, training: bool) -> None:
    assume(not training or batch["samples"] * math.prod(batch["size"]) >= SMALLEST_GROUP)
    check(nn.BatchNorm2d(batch["channels"], eps).train(training), batch)


@random_configurations
@given(batches, st.none() | st.integers(1, 9), epsilons, st.booleans())
def test_batch_norm1d(batch: Any, length: int | None, eps: float, training: bool) -> None:
    assume(not training or batch["samples"] * (length or 1) >= SMALLEST_GROUP)
    layer = nn.BatchNorm1d(batch["channels"], eps).train(training)
    check(layer, batch, (batch["channels"], *([length] if length else [])))


@random_configurations
@given(
    batches, st.lists(st.integers(1, 4), max_size=2),
    st.sampled_from([(6,), (9,), (2, 3), (6, 1), (3, 5), (2, 2, 2), (4, 1, 3)]), epsilons,
)  # fmt: skip
def test_layer_norm(batch: Any, places: list[int], shape: tuple[int, ...], eps: float) -> None:
    check(nn.LayerNorm(shape, eps), batch, (*places, *shape))


@random_configurations
@given(
    batches, st.lists(st.integers(1, 4), max_size=2), st.sampled_from([(3,), (2, 3), (4, 1, 3)]),
    st.none() | epsilons, st.booleans(),
)  # fmt: skip
def test_rms_norm(
    batch: Any, places: list[int], shape: tuple[int, ...], eps: float | None, affine: bool
) -> None:
    check(nn.RMSNorm(shape, eps, affine), batch, (*places, *shape))


@random_configurations
@given(batches, st.integers(1, 3), st.integers(1, 3), epsilons, st.booleans(), st.booleans())
def test_group_norm(
    batch: Any, groups: int, each: int, eps: float, affine: bool, image: bool
) -> None:
    size = batch["size"] if image else ()
    assume(each * math.prod(size) >= SMALLEST_GROUP)
    layer = nn.GroupNorm(groups, groups * each, eps, affine)
    check(layer, batch, (groups * each, *size))


@random_configurations
@given(batches, st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_linear(batch: Any, inputs: int, outputs: int, bias: bool) -> None:
    check(nn.Linear(inputs, outputs, bias), batch, (inputs,))


ACTIVATIONS = [kind for kind in MODULES if issubclass(kind, nn.Activation | nn.Flatten)]


@pytest.mark.parametrize("kind", ACTIVATIONS)
@random_configurations
@given(batches, st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_activations_and_flatten(kind: type[nn.Module], batch: Any, sample: list[int]) -> None:
    assume(kind is not nn.Softmax or sample[-1] > 1)  # the gradient of one share is 0
    check(kind(), batch, tuple(sample))


@random_configurations
@given(batches, per_axis(1, 4), st.integers(1, 4))
def test_residual(batch: Any, kernel: Any, between: int) -> None:
    channels = batch["channels"]
    there = nn.Conv2d(channels, between, kernel, padding="same")
    back = nn.Conv2d(between, channels, 1)
    check(nn.Residual(there, nn.Tanh(), back), batch)
