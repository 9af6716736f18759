"""Layers on images against PyTorch, over random shapes and options.

Float64 sums in another order: 1e-13 of the largest entry, where a wrong index is off by about 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from cases import error
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from minidl import nn

TOLERANCE = 1e-13
CONFIGURATIONS = 200

Reference = Callable[..., Tensor]
random_configurations = settings(max_examples=CONFIGURATIONS, deadline=None, derandomize=True)


def per_axis(low: int, high: int) -> st.SearchStrategy[int | tuple[int, int]]:
    """One number, or one per axis."""
    number = st.integers(low, high)
    return st.one_of(number, st.tuples(number, number))


batches = st.fixed_dictionaries(
    {
        "networks": st.sampled_from([None, 1, 2]),
        "samples": st.integers(1, 3),
        "channels": st.integers(1, 4),
        "size": st.tuples(st.integers(1, 9), st.integers(1, 9)),
        "channels_last": st.booleans(),
    }
)


def both(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def images(batch: dict[str, Any], size: tuple[int, ...], seed: int = 0) -> Tensor:
    lead = () if batch["networks"] is None else (batch["networks"],)
    generator = torch.Generator().manual_seed(seed)
    shape = (*lead, batch["samples"], *size)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    if batch["channels_last"]:
        return x.movedim(-3, -1).contiguous().movedim(-1, -3)
    return x


def check(layer: nn.Module, batch: dict[str, Any], reference: Reference) -> None:
    """Compare output and all gradients, network by network."""
    networks = batch["networks"]
    shape = (batch["channels"], *batch["size"])
    layer.to(dtype=torch.float64).stack(networks).initialize(seed=1)
    x = images(batch, shape)
    before = x.clone()
    y = layer(x)
    assert y.shape[-3:] == layer.output_shape(shape)
    grad_output = images(batch, tuple(y.shape[-3:]), seed=2)
    layer.zero_grad()
    grad = layer.backward(grad_output).clone()
    assert torch.equal(x, before)
    for i in range(networks or 1):
        pick = (lambda t: t) if networks is None else (lambda t, i=i: t[i])
        leaf = pick(x).clone().requires_grad_()
        parameters = [pick(p.data).clone().requires_grad_() for p in layer.parameters()]
        expected = reference(leaf, *parameters)
        expected.backward(pick(grad_output))
        assert expected.shape == pick(y).shape
        assert error(pick(y), expected.detach()) <= TOLERANCE
        assert leaf.grad is not None
        assert error(pick(grad), leaf.grad) <= TOLERANCE
        for mine, theirs in zip(layer.parameters(), parameters, strict=True):
            assert theirs.grad is not None
            assert error(pick(mine.grad), theirs.grad) <= TOLERANCE


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

    def reference(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        return functional.conv2d(x, w, b, stride, padding, dilation)

    check(layer, batch, reference)


@random_configurations
@given(batches, st.integers(1, 4), per_axis(1, 5), per_axis(1, 3))
def test_conv2d_that_keeps_the_size(batch: Any, out: int, kernel: Any, dilation: Any) -> None:
    layer = nn.Conv2d(batch["channels"], out, kernel, padding="same", dilation=dilation)

    def reference(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        (h, w_), (k0, k1), (d0, d1) = x.shape[-2:], both(kernel), both(dilation)
        # By hand, since PyTorch warns about kernels of even length.
        t0, t1 = d0 * (k0 - 1), d1 * (k1 - 1)
        padded = functional.pad(x, (t1 // 2, t1 - t1 // 2, t0 // 2, t0 - t0 // 2))
        y = functional.conv2d(padded, w, b, dilation=dilation)
        assert y.shape[-2:] == (h, w_)
        return y

    check(layer, batch, reference)


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
    axes = zip(batch["size"], both(stride), both(kernel), both(dilation), both(extra), both(padding), strict=True)  # type: ignore[assignment]  # noqa: E501  # fmt: skip
    assume(all(s * (n - 1) + d * (k - 1) + 1 + e - 2 * p > 0 for n, s, k, d, e, p in axes))  # type: ignore[misc]
    layer = nn.ConvTranspose2d(
        batch["channels"], out, kernel, stride, padding, extra, bias, dilation
    )

    def reference(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        return functional.conv_transpose2d(x, w, b, stride, padding, extra, 1, dilation)

    check(layer, batch, reference)


@random_configurations
@given(batches, per_axis(1, 4), st.none() | per_axis(1, 4), per_axis(0, 2), per_axis(1, 3))
def test_max_pool2d(batch: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> None:
    assume(all(2 * p <= k for p, k in zip(both(padding), both(kernel), strict=True)))
    assume(fits(kernel, padding, dilation, batch["size"]))
    layer = nn.MaxPool2d(kernel, stride, padding, dilation)
    # PyTorch crashes where a window lies outside the image altogether.
    x = images(batch, (batch["channels"], *batch["size"]))
    assume(layer.to(dtype=torch.float64).stack(batch["networks"]).forward(x).isfinite().all())
    check(layer, batch, lambda x: functional.max_pool2d(x, kernel, stride, padding, dilation))


@random_configurations
@given(batches, per_axis(1, 4), st.none() | per_axis(1, 4), per_axis(0, 2))
def test_avg_pool2d(batch: Any, kernel: Any, stride: Any, padding: Any) -> None:
    assume(all(2 * p <= k for p, k in zip(both(padding), both(kernel), strict=True)))
    assume(fits(kernel, padding, 1, batch["size"]))
    layer = nn.AvgPool2d(kernel, stride, padding)
    check(layer, batch, lambda x: functional.avg_pool2d(x, kernel, stride, padding))


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

    def reference(x: Tensor) -> Tensor:
        more = {} if mode == "nearest" else {"align_corners": False}
        return functional.interpolate(x, mode=mode, **given_, **more)

    check(layer, batch, reference)


@random_configurations
@given(batches, st.integers(1, 4), per_axis(1, 5), per_axis(1, 4), st.just("same") | per_axis(0, 3))
def test_upsample_conv2d(batch: Any, out: int, kernel: Any, scale: Any, padding: Any) -> None:
    k, s = both(kernel), both(scale)
    large = tuple(n * f for n, f in zip(batch["size"], s, strict=True))
    around = [((n - 1) // 2, n - 1 - (n - 1) // 2) for n in k]
    if padding != "same":
        assume(fits(kernel, padding, 1, large))  # type: ignore[arg-type]
        around = [(p, p) for p in both(padding)]
    layer = nn.UpsampleConv2d(batch["channels"], out, kernel, scale, padding)

    def reference(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        enlarged = x.repeat_interleave(s[0], -2).repeat_interleave(s[1], -1)
        return functional.conv2d(functional.pad(enlarged, (*around[1], *around[0])), w, b)

    check(layer, batch, reference)
