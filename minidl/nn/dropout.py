"""Dropout."""

import torch
from torch import Tensor

from minidl.nn.module import Module
from minidl.nn.philox import halves, philox


class Dropout(Module):
    """Zeroes each input with probability p while training, and does nothing in evaluation.

    y = x · m        dx = dy · m        m = 1[u ≥ p] / (1 − p),  u uniform in [0, 1)
    (Srivastava et al. 2014). u is a function of the layer's seed (`network.seed_dropout(seed)`), of
    how many steps it has drawn before, and of the input's place: the same on every device.
    """

    prefix = "dropout"

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p < 1 or torch.tensor(float(p)) == 1:
            raise ValueError(f"p must be at least 0 and below 1 in float32, but got {p}")
        super().__init__()
        self.p = p
        self.settings = {"p": torch.tensor(float(p)), "seed": torch.tensor(0)}
        self.statistics = {"step": torch.tensor(0)}
        self.seed_dropout()

    def forward(self, x: Tensor) -> Tensor:
        self.mask: Tensor | None = self.draw_mask(x) if self.training else None
        return x if self.mask is None else x * self.mask

    def backward(self, grad_output: Tensor) -> Tensor:
        return grad_output if self.mask is None else grad_output * self.mask

    def draw_mask(self, x: Tensor) -> Tensor:
        """The next m, of x's shape."""
        p, step = self.settings["p"], self.statistics["step"]
        kept = uniform(x.numel(), self.settings["seed"], step, p.dtype) >= p
        step += 1
        return (kept.to(p.dtype) * (1 / (1 - p))).view(x.shape)

    def was_moved(self) -> None:
        self.settings["p"].fill_(self.p)  # what float32 rounded off is back in float64

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


def uniform(count: int, seed: Tensor, step: Tensor, dtype: torch.dtype) -> Tensor:
    """`count` numbers in [0, 1): multiples of 2⁻²⁴, from the upper bits of Philox's 32-bit words.

    The words of (counter, key) = ((i, step, 0), seed) are the numbers 4i, …, 4i + 3.
    """
    blocks = torch.arange((count + 3) // 4, device=seed.device)
    (seed_high, seed_low), (step_high, step_low) = halves(seed), halves(step)
    counter = blocks, step_low, step_high, torch.zeros_like(step)
    words = philox(counter, (seed_low, seed_high))
    numbers = seed.new_empty(len(blocks), 4, dtype=dtype)
    for place, word in enumerate(words):
        numbers[:, place] = (word >> 8).to(dtype) * 2**-24
    return numbers.view(-1)[:count]
