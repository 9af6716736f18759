"""Tensors in words: in full where they are small; and what the parts of a vector are called."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from minidl.explain.filled import shown
from minidl.nn import Module

SMALL = 8  # entries of a layer, or terms of a sum, that are shown in full
LARGEST = 3  # entries that are shown of others
Index = tuple[int, ...]


def entries(values: Tensor) -> list[Index]:
    """The places of all entries where they are few, else of the largest."""
    places = list(itertools.product(*map(range, values.shape))) if values.numel() <= SMALL else []
    if places or not values.numel():
        return places
    order = values.abs().reshape(-1).topk(LARGEST).indices.tolist()
    return [tuple(map(int, torch.unravel_index(torch.tensor(i), values.shape))) for i in order]


def at(name: str, place: Index) -> str:
    """y[0, 2], as PyTorch counts."""
    return f"{name}[{', '.join(map(str, place))}]" if place else name


def array(name: str, values: Tensor) -> str:
    """A tensor in full where it is small, else by its statistics and its largest entries."""
    if values.dim() <= 1 and values.numel() <= SMALL:
        return f"{name} = [{', '.join(shown(x) for x in values.reshape(-1).tolist())}]"
    if values.numel() <= SMALL:
        return f"{name} = {_nested(values)}"
    flat = values.double().reshape(-1)
    said = (
        f"{name}: {'×'.join(map(str, values.shape))} numbers, mean {shown(float(flat.mean()))}, "
        f"deviation {shown(float(flat.std(correction=0)))}, from {shown(float(flat.min()))} to "
        f"{shown(float(flat.max()))}"
    )
    if zeros := int((flat == 0).sum()):
        said += f", {zeros} of them 0"
    largest = ", ".join(f"{at(name, i)} = {shown(float(values[i]))}" for i in entries(values))
    return f"{said}; the largest: {largest}"


def _nested(values: Tensor) -> str:
    if not values.dim():
        return shown(float(values))
    return f"[{', '.join(_nested(part) for part in values)}]"


def parameter_names(network: Module, prefix: str = "") -> Iterator[tuple[str, tuple[int, ...]]]:
    """Each parameter's name, fc_1.weight, with its shape, in the flat vector's order."""
    for name, child in network.named_children():
        if child.children():
            yield from parameter_names(child, f"{prefix}{name}.")
            continue
        for own, value in vars(child).items():
            if any(value is p for p in child.parameters()):
                yield f"{prefix}{name}.{own}", value.shape


def gradients_of(network: Module, vector: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The parts of a flat vector by the parameters' names."""
    named = list(parameter_names(network))
    parts = torch.split(vector, [torch.Size(shape).numel() for _, shape in named])
    for (name, shape), part in zip(named, parts, strict=True):
        yield name, part.view(shape)


def name_of(network: Module, place: int) -> str:
    """fc_1.weight[0, 1], of a place in the flat vector."""
    for name, shape in parameter_names(network):
        size = torch.Size(shape).numel()
        if place < size:
            return at(name, tuple(map(int, torch.unravel_index(torch.tensor(place), shape))))
        place -= size
    raise IndexError(place)
