"""The operations in NumPy: an exported file holds the source of those that it needs.

Arrays are (N, ...), N samples. Each function stands by itself, but for those it calls here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = Any


def linear(x: Array, weight: Array, bias: Array | None) -> Array:
    y = x @ weight.T
    return y if bias is None else y + bias


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def leaky_relu(x: Array, slope: float) -> Array:
    return np.where(x > 0, x, x.dtype.type(slope) * x)


def elu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, x.dtype.type(alpha) * np.expm1(np.minimum(x, 0)))


def softplus(x: Array, beta: float) -> Array:
    scaled = x.dtype.type(beta) * x
    return (np.maximum(scaled, 0) + np.log1p(np.exp(-np.abs(scaled)))) / x.dtype.type(beta)


def mish(x: Array) -> Array:
    return x * np.tanh(softplus(x, 1))


def sigmoid(x: Array) -> Array:
    power = np.exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1, power) / (1 + power)


def tanh(x: Array) -> Array:
    return np.tanh(x)


def gelu(x: Array) -> Array:
    erf = np.vectorize(math.erf, otypes=[x.dtype])
    return x * (1 + erf(x * x.dtype.type(math.sqrt(0.5)))) / 2


def gelu_tanh(x: Array) -> Array:
    u = x.dtype.type(math.sqrt(2 / math.pi)) * (x + x.dtype.type(0.044715) * x * x * x)
    return x * (1 + np.tanh(u)) / 2


def silu(x: Array) -> Array:
    return x * sigmoid(x)


def softmax(x: Array) -> Array:
    power = np.exp(x - x.max(-1, keepdims=True))
    return power / power.sum(-1, keepdims=True)


def framed(x: Array, bottom: int, right: int, top: int, left: int, fill: float = 0) -> Array:
    """Images with pixels of `fill` around them."""
    around = (0, 0), (0, 0), (top, max(bottom, 0)), (left, max(right, 0))
    return np.pad(x, around, constant_values=fill)


def windows(
    x: Array, size: tuple[int, int], kernel: tuple[int, int], s0: int, s1: int, d0: int, d1: int,
    top: int, left: int, fill: float = 0,
) -> Array:  # fmt: skip
    """The windows over images (N, C, *size, *kernel)."""
    span = (
        (size[0] - 1) * s0 + (kernel[0] - 1) * d0 + 1,
        (size[1] - 1) * s1 + (kernel[1] - 1) * d1 + 1,
    )
    x = framed(x, span[0] - top - x.shape[2], span[1] - left - x.shape[3], top, left, fill)
    rows = (np.arange(size[0]) * s0)[:, None] + np.arange(kernel[0]) * d0
    columns = (np.arange(size[1]) * s1)[:, None] + np.arange(kernel[1]) * d1
    return x[:, :, rows[:, None, :, None], columns[None, :, None, :]]


def conv2d(
    x: Array, size: tuple[int, int], weight: Array, bias: Array | None, s0: int, s1: int,
    d0: int, d1: int, top: int, left: int, groups: int,
) -> Array:  # fmt: skip
    over = windows(x, size, weight.shape[2:], s0, s1, d0, d1, top, left)
    over = over.reshape(len(x), groups, -1, *over.shape[2:])
    weight = weight.reshape(groups, -1, *weight.shape[1:])
    y = np.einsum("ngcijkl,gockl->ngoij", over, weight, optimize=True).reshape(len(x), -1, *size)
    return y if bias is None else y + bias[:, None, None]


def conv_transpose2d(
    x: Array, size: tuple[int, int], weight: Array, bias: Array | None, s0: int, s1: int,
    d0: int, d1: int, top: int, left: int, groups: int,
) -> Array:  # fmt: skip
    height, width = x.shape[2:]
    k0, k1 = weight.shape[2:]
    rows = max((height - 1) * s0 + (k0 - 1) * d0 + 1, size[0] + top)
    columns = max((width - 1) * s1 + (k1 - 1) * d1 + 1, size[1] + left)
    y = np.zeros((len(x), groups, weight.shape[1], rows, columns), x.dtype)
    x, weight = (
        x.reshape(len(x), groups, -1, height, width),
        weight.reshape(groups, -1, *weight.shape[1:]),
    )
    for k in range(k0):
        for i in range(k1):
            down, along = (
                slice(k * d0, k * d0 + height * s0, s0),
                slice(i * d1, i * d1 + width * s1, s1),
            )
            tap = weight[..., k, i]
            y[..., down, along] += np.einsum("ngcij,gco->ngoij", x, tap, optimize=True)
    y = y[..., top : top + size[0], left : left + size[1]].reshape(len(x), -1, *size)
    return y if bias is None else y + bias[:, None, None]


def nearest(x: Array, rows: Array, columns: Array) -> Array:
    return x[:, :, rows[:, None], columns]


def bilinear(
    x: Array, rows: Array, rows_share: Array, columns: Array, columns_share: Array
) -> Array:
    down, along = rows_share.astype(x.dtype)[:, None], columns_share.astype(x.dtype)
    x = x[:, :, rows[:, 0]] * (1 - down) + x[:, :, rows[:, 1]] * down
    return x[..., columns[:, 0]] * (1 - along) + x[..., columns[:, 1]] * along


def max_pool2d(
    x: Array, size: tuple[int, int], k0: int, k1: int, s0: int, s1: int, d0: int, d1: int,
    top: int, left: int,
) -> Array:  # fmt: skip
    return windows(x, size, (k0, k1), s0, s1, d0, d1, top, left, -np.inf).max((4, 5))


def avg_pool2d(
    x: Array, size: tuple[int, int], k0: int, k1: int, s0: int, s1: int, d0: int, d1: int,
    top: int, left: int,
) -> Array:  # fmt: skip
    return windows(x, size, (k0, k1), s0, s1, d0, d1, top, left).mean((4, 5))


def pixel_mean(x: Array) -> Array:
    return x.mean((2, 3))


def affine(y: Array, weight: Array | None, bias: Array | None) -> Array:
    y = y if weight is None else weight * y
    return y if bias is None else y + bias


def per_channel(x: Array, *values: Array | None) -> list[Array | None]:
    """The values of the channels, as they multiply with x."""
    shape = (-1,) + (1,) * (x.ndim - 2)
    return [None if one is None else one.reshape(shape) for one in values]


def batch_norm(
    x: Array, mean: Array, factor: Array, weight: Array | None, bias: Array | None
) -> Array:
    mean, factor, weight, bias = per_channel(x, mean, factor, weight, bias)
    return affine((x - mean) * factor, weight, bias)


def normal(rows: Array, eps: float) -> Array:
    """Each row with mean 0 and variance 1."""
    centred = rows - rows.mean(1, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(1, keepdims=True) + rows.dtype.type(eps))


def layer_norm(x: Array, weight: Array | None, bias: Array | None, size: int, eps: float) -> Array:
    return affine(normal(x.reshape(-1, size), eps), weight, bias).reshape(x.shape)


def rms_norm(x: Array, weight: Array | None, size: int, eps: float | None) -> Array:
    rows = x.reshape(-1, size)
    eps = np.finfo(x.dtype).eps if eps is None else x.dtype.type(eps)
    factor = 1 / np.sqrt((rows * rows).mean(1, keepdims=True) + eps)
    return affine(rows * factor, weight, None).reshape(x.shape)


def group_norm(
    x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float
) -> Array:
    y = normal(x.reshape(len(x) * groups, -1), eps).reshape(x.shape)
    return affine(y, *per_channel(x, weight, bias))


def quantile(x: Array, known: Array) -> Array:
    """The rank of x between known quantiles, from -√3 to √3; where these are equal the middle."""
    ranks = np.linspace(-math.sqrt(3), math.sqrt(3), len(known))
    return (np.interp(x, known, ranks) - np.interp(-x, -known[::-1], -ranks[::-1])) / 2
