"""The four independent random streams of a run, derived from its seed.

Two plain generators with the same seed would correlate the data with the weights.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Stream = Literal["data", "init", "order", "dropout"]
# Where a config gives a stream a seed of its own.
KEYS: dict[Stream, str] = {
    "data": "data.seed",
    "init": "model.seed",
    "order": "training.seed",
    "dropout": "training.dropout_seed",
}
_NUMBERS: dict[Stream, int] = {"data": 0, "init": 1, "order": 2, "dropout": 3}


def generator(seed: int, stream: Stream) -> np.random.Generator:
    """NumPy's generator for one stream of a run."""
    return np.random.default_rng(_sequence(seed, stream))


def torch_seed(seed: int, stream: Stream) -> int:
    """A seed of 63 bits for a torch generator of one stream of a run."""
    return int(_sequence(seed, stream).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _sequence(seed: int, stream: Stream) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(_NUMBERS[stream],))
