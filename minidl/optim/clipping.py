"""Gradient clipping."""

from torch import Tensor, finfo

from minidl.nn.parameter import Flat


def clip_norm(flat: Flat, max_norm: float) -> Tensor:
    """g ← g · min(1, max_norm / (‖g‖ + 1e-6)), the norm over all gradients of what is trained.

    Returns the norm before clipping. As torch.nn.utils.clip_grad_norm_. (Pascanu et al. 2013)
    """
    gradients = flat.trained_gradients()
    squares = [(g * g).sum() for g in gradients]
    norm = sum(squares[1:], squares[0]).sqrt()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1)
    for g in gradients:
        g *= factor
    return norm


def clip_value(flat: Flat, max_value: float) -> None:
    """Every entry of g, infinite ones too, into ±max_value. As torch.nn.utils.clip_grad_value_."""
    bound = min(max_value, finfo(flat.grad.dtype).max)
    for g in flat.trained_gradients():
        g.copy_(g.clamp(-bound, bound))
