"""What predictions need of a network: its parameters, and what its layers know of the data."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from minidl.nn import Flat, Module

_STATISTICS = "statistics."


def weights_of(network: Module, flat: Flat) -> dict[str, Tensor]:
    """Its tensors by the names that checkpoints have; `flat` is the network's."""
    statistics = network.named_statistics()
    return {"parameters": flat.data, **{_STATISTICS + name: x for name, x in statistics.items()}}


def set_weights(network: Module, flat: Flat, tensors: Mapping[str, Tensor]) -> None:
    """Give a network the values of such tensors; others are ignored.

    Raises ValueError where one is missing, or isn't of this network.
    """
    for name, values in weights_of(network, flat).items():
        values.copy_(tensor(tensors, name, values))


def tensor(tensors: Mapping[str, Tensor], name: str, like: Tensor) -> Tensor:
    """One of a checkpoint's tensors; ValueError where it is missing, or not like this one."""
    if name not in tensors:
        raise ValueError(f"it lacks {name}")
    found = tensors[name]
    if (found.shape, found.dtype) != (like.shape, like.dtype):
        raise ValueError(f"{name} is {_kind(found)}, but should be {_kind(like)}")
    return found


def _kind(values: Tensor) -> str:
    """`float32 [3, 4]`."""
    return f"{str(values.dtype).removeprefix('torch.')} {list(values.shape)}"
