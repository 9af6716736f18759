"""Which members of a sweep are of one kind: the same code trains them, side by side.

They may differ in numbers that a step reads, in seeds, and in what happens between epochs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidl.spec import SequentialModel, Spec

# An option that is 0 isn't part of the code at all.
_NUMBERS = (
    "lr",
    "momentum",
    "dampening",
    "weight_decay",
    "l1",
    "alpha",
    "eps",
    "lr_decay",
    "betas",
)
_EACH_ITS_OWN = {
    "optimizer": {*_NUMBERS, "initial_accumulator_value", "lr_factors"},
    "training": {"seed", "dropout_seed", "epochs", "eval_every", "early_stopping", "stop_at"}
    | {"checkpoint_every", "record"},
    "data": {"seed", "fold", "sha256", "validation_sha256", "test_sha256"},  # a path has one hash
    "model": {"seed", "init", "dropout"},
}


def kind_of(spec: Spec) -> str:
    """Equal for specs of one kind."""
    excluded: dict[str, Any] = {part: set(keys) for part, keys in _EACH_ITS_OWN.items()}
    layers: Sequence[Any] = ()
    if isinstance(spec.model, SequentialModel):
        layers = spec.model.layers
        excluded["model"] = {"seed": True, "init": True, "layers": _excluded(layers)}
    apart = {"name": True, "seed": True, "schedule": True, **excluded}
    dropouts = [getattr(spec.model, "dropout", None), *_dropouts(layers)]
    zeros = [*_zeros(spec), *(p == 0 for p in dropouts)]
    return repr((spec.model_dump(mode="json", exclude=apart), zeros, _with_rates(spec)))


def optimizer_kind(spec: Spec) -> str:
    """Equal where optimizers run the same code."""
    own = _EACH_ITS_OWN["optimizer"]
    optimizer = spec.optimizer.model_dump(mode="json", exclude=own)
    return repr((optimizer, _zeros(spec), _with_rates(spec)))


def _zeros(spec: Spec) -> list[bool]:
    """Which of the optimizer's numbers are 0."""
    return [getattr(spec.optimizer, name, None) == 0 for name in _NUMBERS]


def _with_rates(spec: Spec) -> list[str]:
    """Which layers have rates of their own, whatever these are."""
    return sorted(spec.optimizer.lr_factors or ())


def _excluded(layers: Sequence[Any]) -> dict[int, Any]:
    """What each layer has for itself: dropout its p, any other its init."""
    return {
        index: {"layers": _excluded(layer.layers)} if layer.type == "residual" else {"p", "init"}
        for index, layer in enumerate(layers)
    }


def _dropouts(layers: Sequence[Any]) -> list[Any]:
    """The p of each layer, None where it has none."""
    found: list[Any] = []
    for layer in layers:
        inside = getattr(layer, "layers", None)
        found += [getattr(layer, "p", None)] if inside is None else _dropouts(inside)
    return found
