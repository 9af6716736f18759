"""Central differences, entry by entry, that step over no kink."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

# What stays the same between two kinks: the signs at a ReLU, the places of the maxima in a pool.
Pattern = Sequence[Tensor]

# In float64, (f(x + h) − f(x − h)) / 2h is off by h² f'''/6 ≈ 1e-10 and by rounding, 1e-16 / h.
STEP = 1e-5
# Where f is steep, or large beside its slope, another step does better: these are tried when the
# first disagrees. Wrong gradients agree with none.
OTHER_STEPS = (1e-4, 1e-3, 1e-2, 1e-6)
# Beside larger numbers the steps grow with them: a small one would vanish in their rounding.
LARGE = 100.0
EPSILON = torch.finfo(torch.float64).eps


class Differences:
    """The slope of Σ cotangent · function() along single entries of a tensor.

    `function` gives an output of its own for the present content of `place`, a contiguous tensor;
    `pattern` tells on which sides of its kinks it is, and is None where it has none.
    """

    def __init__(
        self,
        function: Callable[[], Tensor],
        cotangent: Tensor,
        place: Tensor,
        pattern: Callable[[], Pattern] | None,
    ) -> None:
        self.function, self.cotangent, self.flat = function, cotangent, place.view(-1)
        self.pattern = pattern
        self.here = pattern() if pattern else ()
        # A unit in the last place of every number that is compared.
        self.rounding = float((function() * cotangent).abs().sum()) * EPSILON

    def estimates(self, entry: int) -> Iterator[tuple[float, float]]:
        """Estimates of the derivative, and how far off rounding may leave each.

        The usual one first; none where a kink is too near.
        """
        size = max(1.0, abs(self.flat[entry].item()) / LARGE)
        first = self.slope(entry, STEP * size)
        if first is None:
            return
        yield first, self.rounding / (STEP * size)
        for step in (other * size for other in OTHER_STEPS):
            far, near = self.slope(entry, step), self.slope(entry, step / 2)
            if far is not None and near is not None:
                # Richardson's: without the error in h²
                yield (4 * near - far) / 3, 3 * self.rounding / step

    def slope(self, entry: int, step: float) -> float | None:
        """The central difference, or None if the pattern changes within ± step."""
        before = self.flat[entry].item()
        places, values = [], []
        try:
            for place in (before + step, before - step):
                self.flat[entry] = place
                if self.pattern and not same(self.pattern(), self.here):
                    return None
                places.append(place)
                values.append(self.function())
        finally:
            self.flat[entry] = before
        # Entry by entry, since the difference of two large sums would be mostly rounding.
        change = torch.sub(*values).mul_(self.cotangent).sum().item()
        return change / (places[0] - places[1])


def same(a: Pattern, b: Pattern) -> bool:
    """Whether no kink lies between them."""
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
