"""The seeds of a spec's four random streams: each its own, or the run's."""

from __future__ import annotations

from collections.abc import Callable

from minidl.seeds import Stream, torch_seed
from minidl.spec import Spec

_OVERRIDES: dict[Stream, Callable[[Spec], int | None]] = {
    "data": lambda spec: spec.data.seed,
    "init": lambda spec: spec.model.seed,
    "order": lambda spec: spec.training.seed,
    "dropout": lambda spec: spec.training.dropout_seed,
}


def seed_of(spec: Spec, stream: Stream) -> int:
    """The stream's own seed, or the run's."""
    own = _OVERRIDES[stream](spec)
    return spec.seed if own is None else own


def torch_seed_of(spec: Spec, stream: Stream) -> int:
    """The seed for torch's generator of that stream."""
    return torch_seed(seed_of(spec, stream), stream)
