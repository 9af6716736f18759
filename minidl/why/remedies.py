"""What might help against a symptom, as overrides of the run's config."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from minidl.errors import ConfigError
from minidl.spec import Spec, dump, parse_spec
from minidl.why.symptoms import Symptom


@dataclass(frozen=True)
class Remedy:
    """Overrides that belong together, and the symptoms that they are against."""

    overrides: tuple[str, ...]
    against: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.overrides)


def _rates(*factors: float) -> Callable[[Spec], list[str]]:
    return lambda spec: [f"optimizer.lr={spec.optimizer.lr * factor:.3g}" for factor in factors]


def _init(spec: Spec) -> str:
    """The initialiser that the hidden layers' activation is meant for."""
    kinds = {one.type for one in getattr(spec.model, "activations", ())}
    return "model.init=xavier" if kinds & {"sigmoid", "tanh"} else "model.init=he"


def _scaled(spec: Spec) -> list[str]:
    switched_off = getattr(spec.data, "standardize", None) is False
    return ["data.standardize=true"] if switched_off else ["optimizer=adam"]


def _weighted(spec: Spec) -> list[str]:
    plain = getattr(spec.loss, "class_weights", "") is None and not getattr(
        spec.loss, "pos_weight", None
    )
    return ["loss.class_weights=balanced"] if plain else []


_OF: Mapping[str, Callable[[Spec], list[str]]] = {
    "unscaled inputs": _scaled,
    "units start alike": lambda spec: [_init(spec)],
    "wrong labels": lambda spec: ["optimizer.weight_decay=0.001", "model.dropout=0.2"],
    "rate too high": _rates(0.1, 0.01),
    "dead units": lambda spec: ["model.activation=leaky_relu", *_rates(0.1)(spec)],
    "vanishing gradients": lambda spec: ["model.activation=relu model.init=he", _init(spec)],
    "exploding gradients": lambda spec: ["training.clip_norm=1", _init(spec)],
    "saturated units": lambda spec: ["model.init=xavier", "model.activation=relu model.init=he"],
    "rate too low": _rates(10, 100, 1000),
    "class imbalance": _weighted,
    "plateau left late": lambda spec: [_init(spec), "optimizer={type: adam, lr: 0.01}"],
    "overfitting": lambda spec: [
        "optimizer.weight_decay=0.001",
        "model.dropout=0.2",
        "training.early_stopping={}",
    ],
    "underfitting": lambda spec: [
        *_rates(10)(spec),
        f"training.epochs={2 * spec.training.epochs}",
        "optimizer={type: adam, lr: 0.01}",
    ],
}


def remedies(spec: Spec, found: Sequence[Symptom]) -> list[Remedy]:
    """Those of all symptoms, each once, that change the config and that it takes."""
    made: dict[str, Remedy] = {}  # by the config that each comes to
    for symptom in found:
        for overrides in _OF[symptom.name](spec):
            changed = _changed(spec, changes := _apart(overrides))
            if changed is None or changed == spec:
                continue
            known = made.get(dump(changed), Remedy(changes, ()))
            made[dump(changed)] = Remedy(known.overrides, (*known.against, symptom.name))
    return [*made.values()]


def _apart(overrides: str) -> tuple[str, ...]:
    """`a=1 b=2` as two; what stands in braces stays together."""
    return (overrides,) if "{" in overrides else tuple(overrides.split())


def _changed(spec: Spec, overrides: Sequence[str]) -> Spec | None:
    """The config with them; None where it doesn't take them."""
    try:
        return parse_spec(dump(spec), spec.name, overrides)
    except ConfigError:
        return None
