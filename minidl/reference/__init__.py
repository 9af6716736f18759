"""PyTorch's counterpart of every module, loss and optimizer: what ours are proven against.

Here alone, and in `verify` and `bench`, are torch.nn, torch.optim and autograd used.
"""

from minidl.reference.losses import LOSSES, loss_counterpart
from minidl.reference.modules import (
    MODULES,
    copy_parameters,
    counterpart,
    share_parameters,
    state_of,
)
from minidl.reference.optimizers import OPTIMIZERS, optimizer_counterpart

__all__ = [
    "LOSSES",
    "MODULES",
    "OPTIMIZERS",
    "copy_parameters",
    "counterpart",
    "loss_counterpart",
    "optimizer_counterpart",
    "share_parameters",
    "state_of",
]
