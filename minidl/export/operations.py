"""A network as a list of operations, for formats that have no layers of their own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minidl import nn
from minidl.nn.images.windows import Windows

Array = NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Operation:
    """One call: `kind` is the function's name in numpy_code.py and c_code.c.

    arrays: its weights by the names of its parameters (None where there are none); numbers: its
    other parameters (an `eps` of None is the dtype's). inside: what a residual adds to its input.
    in_place: it may write over it.
    """

    kind: str
    name: str
    input_shape: Shape
    output_shape: Shape
    arrays: Mapping[str, Array | None] = field(default_factory=dict)
    numbers: Mapping[str, Any] = field(default_factory=dict)
    inside: tuple[Operation, ...] = ()

    @property
    def in_place(self) -> bool:
        """Whether each number of the output depends on what was in its own place or row."""
        return self.kind in (*_ELEMENTWISE.values(), *_WITH_NUMBERS, "softmax", *_NORMS)


_ELEMENTWISE: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.Sigmoid: "sigmoid",
    nn.Tanh: "tanh",
    nn.SiLU: "silu",
    nn.Mish: "mish",
}
_WITH_NUMBERS = ("leaky_relu", "elu", "softplus", "gelu", "gelu_tanh")
_NORMS = ("batch_norm", "layer_norm", "rms_norm", "group_norm")


def operations(network: nn.Module, input_shape: Shape, prefix: str = "") -> list[Operation]:
    """What a network does to a sample of that shape in evaluation mode, in order."""
    found: list[Operation] = []
    for name, module in network.named_children():
        found += _of(module, prefix + re.sub(r"\W", "_", name), input_shape)
        input_shape = module.output_shape(input_shape)
    return found


def _of(module: nn.Module, name: str, shape: Shape) -> Iterator[Operation]:
    if isinstance(module, nn.Dropout | nn.Flatten):
        return
    if isinstance(module, nn.Sequential):
        yield from operations(module, shape, f"{name}_")
    elif isinstance(module, nn.Residual):
        inside = tuple(operations(module, shape, f"{name}_"))
        yield Operation("residual", name, shape, shape, inside=inside)
    elif type(module) in _ELEMENTWISE:
        yield Operation(_ELEMENTWISE[type(module)], name, shape, shape)
    else:
        yield from _BY_CLASS[type(module)](module, name, shape, module.output_shape(shape))


def _array(values: Tensor | None) -> Array | None:
    return None if values is None else values.detach().numpy().copy()


def _weights(module: Any) -> dict[str, Array | None]:
    own = {key: getattr(module, key) for key in ("weight", "bias")}
    return {key: _array(values and values.data) for key, values in own.items()}


def _linear(m: nn.Linear, name: str, shape: Shape, out: Shape) -> Iterator[Operation]:
    yield Operation("linear", name, shape, out, _weights(m))


def _leaky_relu(m: nn.LeakyReLU, name: str, shape: Shape, out: Shape) -> Iterator[Operation]:
    yield Operation("leaky_relu", name, shape, out, numbers={"slope": m.negative_slope})


def _elu(m: nn.ELU, name: str, shape: Shape, out: Shape) -> Iterator[Operation]:
    yield Operation("elu", name, shape, out, numbers={"alpha": m.alpha})


def _softplus(m: nn.Softplus, name: str, shape: Shape, out: Shape) -> Iterator[Operation]:
    yield Operation("softplus", name, shape, out, numbers={"beta": m.beta})


def _gelu(m: nn.GELU, name: str, shape: Shape, out: Shape) -> Iterator[Operation]:
    yield Operation("gelu_tanh" if m.approximate == "tanh" else "gelu", name, shape, out)


def _softmax(m: nn.Softmax, name: str, shape: Shape, out: Shape) -> Iterator[Operation]:
    yield Operation("softmax", name, shape, out)


def _windows(windows: Windows) -> dict[str, int]:
    (s0, s1), (d0, d1), ((top, _), (left, _)) = windows.stride, windows.dilation, windows.padding
    return {"s0": s0, "s1": s1, "d0": d0, "d1": d1, "top": top, "left": left}


def _conv2d(m: nn.Conv2d, name: str, shape: Shape, out: Shape) -> Iterator[Operation]:
    numbers = {**_windows(m.windows), "groups": m.groups}
    yield Operation("conv2d", name, shape, out, _weights(m), numbers)


def _conv_transpose2d(
    m: nn.ConvTranspose2d, name: str, shape: Shape, out: Shape
) -> Iterator[Operation]:
    numbers = {**_windows(m.windows), "groups": m.groups}
    yield Operation("conv_transpose2d", name, shape, out, _weights(m), numbers)


def _upsample_conv2d(
    m: nn.UpsampleConv2d, name: str, shape: Shape, out: Shape
) -> Iterator[Operation]:
    s0, s1 = m.scale_factor
    large = (shape[0], shape[1] * s0, shape[2] * s1)
    taps = {
        "rows": np.arange(large[1]) // s0,
        "columns": np.arange(large[2]) // s1,
    }
    yield _upsampling(f"{name}_enlarged", shape, large, taps)
    numbers = {**_windows(m.enlarged), "groups": m.groups}
    yield Operation("conv2d", name, large, out, _weights(m), numbers)


def _upsampling(name: str, shape: Shape, out: Shape, taps: Mapping[str, Array]) -> Operation:
    """Nearest: from which row and column each comes."""
    arrays = {key: values.astype(np.int32) for key, values in taps.items()}
    return Operation("nearest", name, shape, out, arrays)


def _upsample(m: nn.Upsample, name: str, shape: Shape, out: Shape) -> Iterator[Operation]:
    """Which rows and columns an output pixel comes from, as the layer itself has it."""
    axes = [_axis(m, length, shape, axis) for axis, length in enumerate(out[1:])]
    if m.mode == "nearest":
        taps = {key: axis.argmax(1) for key, axis in zip(("rows", "columns"), axes, strict=True)}
        yield _upsampling(name, shape, out, taps)
        return
    arrays: dict[str, Array | None] = {}
    for key, axis in zip(("rows", "columns"), axes, strict=True):
        first = np.minimum((axis > 0).argmax(1), axis.shape[1] - 1)
        second = np.minimum(first + 1, axis.shape[1] - 1)
        share = np.where(second > first, axis[np.arange(len(axis)), second], 0)
        arrays |= {key: np.stack([first, second], 1).astype(np.int32), f"{key}_share": share}
    yield Operation("bilinear", name, shape, out, arrays)


def _axis(m: nn.Upsample, length: int, shape: Shape, axis: int) -> Array:
    """The matrix A or B of an Upsample (outputs, inputs): what it makes of unit images."""
    size = shape[1 + axis]
    images = torch.zeros(size, 1, *shape[1:], dtype=torch.float64)
    images.movedim(2 + axis, 1)[torch.arange(size), torch.arange(size)] = 1
    lines = m.forward(images).movedim(2 + axis, 1)[:, :, 0, 0]
    assert lines.shape == (size, length)
    return np.asarray(lines.numpy().T)


def _pool(kind: str) -> Callable[..., Iterator[Operation]]:
    def pool(m: Any, name: str, shape: Shape, out: Shape) -> Iterator[Operation]:
        k0, k1 = m.windows.kernel_size
        yield Operation(kind, name, shape, out, numbers={"k0": k0, "k1": k1, **_windows(m.windows)})

    return pool


def _global_avg_pool2d(
    m: nn.GlobalAvgPool2d, name: str, shape: Shape, out: Shape
) -> Iterator[Operation]:
    yield Operation("pixel_mean", name, shape, out)


def _batch_norm(m: Any, name: str, shape: Shape, out: Shape) -> Iterator[Operation]:
    arrays = {
        "mean": _array(m.statistics["running_mean"]),
        "factor": _array(1 / (m.statistics["running_var"] + m.eps).sqrt()),
        **_weights(m),
    }
    yield Operation("batch_norm", name, shape, out, arrays)


def _last_norm(kind: str, *names: str) -> Callable[..., Iterator[Operation]]:
    def norm(m: Any, name: str, shape: Shape, out: Shape) -> Iterator[Operation]:
        own = _weights(m)
        arrays = {key: None if (x := own[key]) is None else x.reshape(-1) for key in names}
        numbers = {"size": math.prod(m.normalized_shape), "eps": m.eps}
        yield Operation(kind, name, shape, out, arrays, numbers)

    return norm


def _group_norm(m: nn.GroupNorm, name: str, shape: Shape, out: Shape) -> Iterator[Operation]:
    numbers = {"groups": m.num_groups, "eps": m.eps}
    yield Operation("group_norm", name, shape, out, _weights(m), numbers)


_BY_CLASS: dict[type[nn.Module], Callable[..., Iterator[Operation]]] = {
    nn.Linear: _linear,
    nn.LeakyReLU: _leaky_relu,
    nn.ELU: _elu,
    nn.Softplus: _softplus,
    nn.GELU: _gelu,
    nn.Softmax: _softmax,
    nn.Conv2d: _conv2d,
    nn.ConvTranspose2d: _conv_transpose2d,
    nn.UpsampleConv2d: _upsample_conv2d,
    nn.Upsample: _upsample,
    nn.MaxPool2d: _pool("max_pool2d"),
    nn.AvgPool2d: _pool("avg_pool2d"),
    nn.GlobalAvgPool2d: _global_avg_pool2d,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.LayerNorm: _last_norm("layer_norm", "weight", "bias"),
    nn.RMSNorm: _last_norm("rms_norm", "weight"),
    nn.GroupNorm: _group_norm,
}
