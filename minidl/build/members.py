"""The specs that are built together: one, or those of a stack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minidl.errors import ConfigError
from minidl.seeds import Stream, torch_seed
from minidl.spec import Spec

_OVERRIDES: dict[Stream, Callable[[Spec], int | None]] = {
    "data": lambda spec: spec.data.seed,
    "init": lambda spec: spec.model.seed,
    "order": lambda spec: spec.training.seed,
    "dropout": lambda spec: spec.training.dropout_seed,
}


class Members:
    """Specs that differ only in numbers which the core takes per network.

    `networks` is None for one spec (one network), else their number: the size of the stack.
    """

    def __init__(self, specs: Spec | Sequence[Spec]) -> None:
        self.specs = [specs] if isinstance(specs, Spec) else list(specs)
        self.networks = None if isinstance(specs, Spec) else len(self.specs)

    @property
    def first(self) -> Spec:
        """The spec that stands for all, in everything but those numbers."""
        return self.specs[0]

    def number(self, get: Callable[[Any], Any]) -> Any:
        """A hyper-parameter: one number if all share it, else a list with one per network."""
        return shared([get(spec) for spec in self.specs])

    def seeds(self, stream: Stream) -> list[int]:
        """One seed per network for torch's generators of that stream."""
        return [torch_seed(seed_of(spec, stream), stream) for spec in self.specs]

    def problem(self, key: str, message: str) -> ConfigError:
        """The error to raise for a key of the config."""
        return ConfigError([self.first.problem(key, message)])


def shared(values: list[Any]) -> Any:
    """One value if all are equal, else the list."""
    return values[0] if all(value == values[0] for value in values) else values


def seed_of(spec: Spec, stream: Stream) -> int:
    """The stream's own seed, or the run's."""
    own = _OVERRIDES[stream](spec)
    return spec.seed if own is None else own


def options(component: Any) -> dict[str, Any]:
    """A component's options as keyword arguments for its class."""
    names = [name for name in type(component).model_fields if name not in ("type", "name")]
    return {name: getattr(component, name) for name in names}
