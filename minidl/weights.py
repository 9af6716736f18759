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
    """The inverse of `weights_of`; other tensors are ignored."""
    flat.set_member(member, tensors["parameters"])
    for name, values in network.member_statistics(member).items():
        values.copy_(tensors[f"{_STATISTICS}{name}"])


def is_weight(name: str) -> bool:
    """Whether a tensor of a checkpoint is one that `weights_of` gives."""
    return name == "parameters" or name.startswith(_STATISTICS)
