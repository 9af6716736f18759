"""Kinks: where a network can't be differentiated, and differences must not step over."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


class Kinks:
    """Watches the kinked modules in PyTorch's counterpart of a network.

    That one, since it knows nothing of what is to be proven.
    """

    def __init__(self, reference: torch.nn.Module) -> None:
        self.reference = reference
        self._seen: list[Tensor] = []
        self.any = False
        for module in reference.modules():
            if isinstance(module, torch.nn.ELU) and module.alpha == 1:
                continue
            kinked = (torch.nn.ReLU, torch.nn.LeakyReLU, torch.nn.ELU, torch.nn.MaxPool2d)
            if isinstance(module, kinked):
                module.register_forward_hook(self._note)
                self.any = True

    def pattern(self, x: Tensor) -> list[Tensor]:
        """The signs at every ReLU and the places of every maximum, for one input."""
        self._seen = []
        with torch.no_grad():
            self.reference(x)
        return self._seen

    def _note(self, module: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        (x,) = inputs
        if isinstance(module, torch.nn.MaxPool2d):
            size = module.kernel_size, module.stride, module.padding, module.dilation
            self._seen.append(functional.max_pool2d(x, *size, return_indices=True)[1])
        else:
            self._seen.append(x > 0)
