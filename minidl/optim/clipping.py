"""Gradient clipping."""

from torch import Tensor, finfo

from minidl.nn.parameter import Flat


def clip_norm(flat: Flat, max_norm: float) -> Tensor:
    """g ← g · min(1, max_norm / (‖g‖ + 1e-6)), the norm over all gradients.

    Returns the norm before clipping. As torch.nn.utils.clip_grad_norm_. (Pascanu et al. 2013)
    """
    norm = (flat.grad * flat.grad).sum().sqrt()
    flat.grad *= (max_norm / (norm + 1e-6)).clamp(max=1)
    return norm


def clip_value(flat: Flat, max_value: float) -> None:
    """Every entry of g into [−max_value, max_value]. As torch.nn.utils.clip_grad_value_.

    An infinite entry looks like any other then.
    """
    bound = min(max_value, finfo(flat.grad.dtype).max)
    flat.grad.copy_(flat.grad.clamp(-bound, bound))
