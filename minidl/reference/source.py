"""A counterpart as Python code: what is exported."""

from __future__ import annotations

import torch

from minidl.reference.modules import Residual

_RESIDUAL = '''class Residual(nn.Module):
    """x + inner(x)"""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return x + self.inner(x)


'''


def source_of(network: torch.nn.Module) -> tuple[str, str]:
    """The classes that it needs beside PyTorch's, and the expression that makes one like it.

    Where it stands, `nn` is torch.nn, and OrderedDict is imported.
    """
    residual = any(isinstance(module, Residual) for module in network.modules())
    return _RESIDUAL if residual else "", _expression(network)


def _expression(module: torch.nn.Module) -> str:
    if isinstance(module, Residual):
        return f"Residual({_expression(module.inner)})"
    if isinstance(module, torch.nn.Sequential):
        inside = ", ".join(
            f"({name!r}, {_expression(child)})" for name, child in module.named_children()
        )
        return f"nn.Sequential(OrderedDict([{inside}]))"
    return f"nn.{module!r}"  # PyTorch writes its layers as they are called
