"""A request to end training early, and in good order."""

from __future__ import annotations

import math
import time


class Stop:
    """A request to end training, at the end of the epoch if it comes soon.

    It may be made from a signal handler, and hold for several `Lanes`.
    """

    # How long a stop waits for the epoch to end, in seconds.
    patience = 2.0

    def __init__(self) -> None:
        self._at = math.inf

    def request(self) -> None:
        """End soon."""
        self._at = min(self._at, time.perf_counter() + self.patience)

    @property
    def requested(self) -> bool:
        """Whether no further epoch is to begin."""
        return self._at < math.inf

    @property
    def too_late(self) -> bool:
        """Whether it waits no longer for the epoch to end."""
        return time.perf_counter() > self._at
