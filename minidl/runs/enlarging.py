"""By how much an image must be continued for a network to take it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from minidl.nn import Sequential

MOST_ROOM = 64  # pixels by which an image is continued, at most: more than any network's strides


def room(
    network: Sequential, shape: Sequence[int], enlarged: Callable[[Sequence[int]], Sequence[int]]
) -> list[int | None]:
    """The least number of further rows, and of columns, with which the output has its due size.

    None where no number will do.
    """
    channels, *sizes = shape
    found: list[int | None] = [None, None]
    for extra in range(MOST_ROOM):
        tried = (channels, sizes[0] + extra, sizes[1] + extra)
        with suppress(ValueError):
            output = network.output_shape(tried)
            for axis, (got, wanted) in enumerate(zip(output[1:], enlarged(tried), strict=True)):
                if found[axis] is None and got == wanted:
                    found[axis] = extra
    return found
