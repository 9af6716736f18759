"""Philox 4×32-10: random numbers as a function of a counter and a key (Salmon et al. 2011)."""

from torch import Tensor

# A counter, or the random numbers made of it: four of 32 bits, as int64.
Words = tuple[Tensor, Tensor, Tensor, Tensor]

BITS_32 = 0xFFFFFFFF
M0, M1 = 0xD2511F53, 0xCD9E8D57
W0, W1 = 0x9E3779B9, 0xBB67AE85  # the fractions of the golden ratio and of √3


def philox(counter: Words, key: tuple[Tensor, Tensor]) -> Words:
    """Four random words for this counter and key; of their shapes, broadcast.

    (c₀, c₁, c₂, c₃) ← (high(M₁ c₂) ⊕ c₁ ⊕ k₀, low(M₁ c₂), high(M₀ c₀) ⊕ c₃ ⊕ k₁, low(M₀ c₀)),
    (k₀, k₁) ← (k₀ + W₀, k₁ + W₁), ten times.
    """
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        (high0, low0), (high1, low1) = halves(M0 * c0), halves(M1 * c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + W0) & BITS_32, (k1 + W1) & BITS_32
    return c0, c1, c2, c3


def halves(number: Tensor) -> tuple[Tensor, Tensor]:
    """The upper and the lower 32 of a number's 64 bits."""
    return (number >> 32) & BITS_32, number & BITS_32
