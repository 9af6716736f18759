"""Case: a module's options, and the shape of the samples that it is tried on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from minidl import nn
from minidl.nn.shape import inferred

IMAGE, ROW = (3, 10, 10), (300,)  # report 004's images; flattened where a module takes rows


@dataclass(frozen=True)
class Case:
    """Options by their names, which are the same in Python and in a config; sizes are inferred."""

    sample: tuple[int, ...]
    options: dict[str, Any]
    training: bool = True

    def make(self, kind: type[nn.Module]) -> nn.Module:
        """A module of that class."""
        return kind(**{**inferred(kind, self.sample), **self.options}).train(self.training)


def on(*sample: int, **options: Any) -> Case:
    """A case of samples of that shape."""
    return Case(sample, options)


def evaluating(*sample: int, **options: Any) -> Case:
    """The same in evaluation mode."""
    return Case(sample, options, training=False)


@dataclass(frozen=True)
class ModuleCases:
    """How a class of modules is proven.

    theirs: from one of ours to PyTorch's. measured: by `minidl bench`. tried: by the tests, with
    small samples; together they set every option.
    """

    theirs: Callable[[Any], torch.nn.Module]
    measured: Case
    tried: Sequence[Case]
