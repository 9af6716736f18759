"""What predictions need of one network: its parameters, and what its layers know of the data."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from minidl.nn import Flat, Module

_STATISTICS = "statistics."


def weights_of(network: Module, flat: Flat, member: int = 0) -> dict[str, Tensor]:
    """The weights of one network, as checkpoints have them; `flat` is the network's."""
    statistics = network.member_statistics(member)
    kept = {f"{_STATISTICS}{name}": values.clone() for name, values in statistics.items()}
    return {"parameters": flat.member(member), **kept}


def set_weights(
    network: Module, flat: Flat, tensors: Mapping[str, Tensor], member: int = 0
) -> None:
    """The inverse of `weights_of`; other tensors are ignored.

    Raises ValueError where one is missing, or isn't of this network.
    """
    flat.set_member(member, tensor(tensors, "parameters", flat.member(member)))
    for name, values in network.member_statistics(member).items():
        values.copy_(tensor(tensors, f"{_STATISTICS}{name}", values))


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
