"""How often `minidl why` names a planted fault first, and whether it leaves healthy runs alone.

    python benchmarks/symptoms.py [--seed 0] [--held-out]

Seven faults, planted in each of five configs; four seeds of each config without one. The thresholds
of minidl/why/symptoms.py were chosen by what the configs of the first set show with seed 0;
`--held-out` takes five others.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from minidl.build import Experiment, build, read_data
from minidl.data import Dataset, Split
from minidl.nn import Linear
from minidl.spec import Spec, dump, parse_spec
from minidl.spec.training import WATCH_ALL
from minidl.why.evidence import Evidence
from minidl.why.symptoms import Symptom, symptoms

CONFIGS = Path(__file__).parent.parent / "configs"
SHIPPED = ("relu_mse_sgd", "adam_cross_entropy", "spirals", "iris", "digits")
ADAM = "loss: cross_entropy\noptimizer: {type: adam, lr: 0.01}\n"
HELD_OUT = {
    "tanh_mse_sgd": (CONFIGS / "tanh_mse_sgd.yaml").read_text(),
    "wine": (
        f"data: wine\nmodel: {{mlp: [32, 16]}}\n{ADAM}training: {{epochs: 40, batch_size: 10}}\n"
    ),
    "breast_cancer": (
        "data: breast_cancer\nmodel: {mlp: [32, 32]}\nloss: cross_entropy\n"
        "optimizer: {type: sgd, lr: 0.05, momentum: 0.9}\ntraining: {epochs: 10, batch_size: 32}\n"
    ),
    "circles": f"data: circles\nmodel: {{mlp: [24, 24]}}\n{ADAM}training: {{epochs: 60}}\n",
    "moons": (
        "data: moons\nmodel: {type: mlp, hidden: [16, 16], activation: tanh}\n"
        "loss: cross_entropy\noptimizer: {type: rmsprop, lr: 0.003}\ntraining: {epochs: 60}\n"
    ),
}
ASKED = 0.9
WRONG = 0.2


@dataclass(frozen=True)
class Fault:
    """What is done to a config, to its data, and to its network before the first step."""

    symptom: str
    overrides: Callable[[Spec], list[str]] = lambda spec: []
    data: Callable[[Dataset, int], Dataset] = lambda data, seed: data
    network: Callable[[Experiment], None] = lambda experiment: None


def _rate(spec: Spec, factor: float) -> list[str]:
    # For good: a multistep schedule would set another after some epochs.
    return [f"optimizer.lr={spec.optimizer.lr * factor}", "schedule=constant"]


def _six_sigmoids(spec: Spec) -> list[str]:
    width = spec.model.hidden[0]  # type: ignore[union-attr]
    return [f"model.hidden={[width] * 6}", "model.activation=sigmoid"]


def _without_scale(data: Dataset, seed: int) -> Dataset:
    def times(split: Split) -> Split:
        return replace(split, inputs=split.inputs * 1000)

    return replace(data, train=times(data.train), test=times(data.test))


def _mislabelled(data: Dataset, seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    targets = data.train.targets.copy()
    wrong = rng.random(len(targets)) < WRONG
    shift = rng.integers(1, data.classes, int(wrong.sum()))
    targets[wrong] = (targets[wrong] + shift) % data.classes
    return replace(data, train=replace(data.train, targets=targets))


def _kill(experiment: Experiment) -> None:
    layers = [layer for layer in experiment.network if isinstance(layer, Linear)]
    for layer in layers[:-1]:
        assert layer.bias is not None
        layer.bias.data.fill_(-5.0)


FAULTS = {
    "rate × 100": Fault("rate too high", lambda spec: _rate(spec, 100)),
    "rate ÷ 1000": Fault("rate too low", lambda spec: _rate(spec, 1 / 1000)),
    "zero init": Fault("units start alike", lambda s: ["model.init=zeros"]),
    "sigmoid × 6": Fault("vanishing gradients", _six_sigmoids),
    "bias −5": Fault("dead units", lambda s: ["model.activation=relu"], network=_kill),
    "unscaled input": Fault("unscaled inputs", data=_without_scale),
    "wrong labels": Fault("wrong labels", data=_mislabelled),
}


def texts(held_out: bool) -> dict[str, str]:
    """The configs by name."""
    if held_out:
        return HELD_OUT
    return {name: (CONFIGS / f"{name}.yaml").read_text() for name in SHIPPED}


def found(text: str, seed: int, fault: Fault | None = None) -> list[Symptom]:
    """What a run of this config shows, with a fault or without."""
    spec = parse_spec(text, "symptoms", [f"seed={seed}", "device=cpu", WATCH_ALL])
    data = read_data(spec)
    if fault is not None:
        spec = parse_spec(dump(spec), spec.name, fault.overrides(spec))
        data = fault.data(data, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the very faults
        experiment = build(spec, data)
        if fault is not None:
            fault.network(experiment)
        return symptoms(Evidence.of_training(spec, data, experiment, spec.training.epochs))


def main(
    seed: Annotated[int, typer.Option(help="Of the first run of each config.")] = 0,
    held_out: Annotated[bool, typer.Option("--held-out", help="Other configs.")] = False,
) -> None:
    """Plant, look, and count."""
    right, alone, healthy = 0, 0, 0
    configs = texts(held_out)
    for name, text in configs.items():
        for planted, fault in FAULTS.items():
            seen = found(text, seed, fault)
            first = bool(seen) and seen[0].name == fault.symptom
            right += first
            print(f"{'' if first else 'MISSED '}{name}, {planted}: {_said(seen)}", flush=True)
        for own in range(seed, seed + 4):
            seen = found(text, own)
            healthy, alone = healthy + 1, alone + (not seen)
            print(
                f"{'ALARM ' if seen else ''}{name}, healthy, seed {own}: {_said(seen)}", flush=True
            )
    faults = len(configs) * len(FAULTS)
    print(f"right first: {right} of {faults} (asked: {ASKED:.0%}); nothing: {alone} of {healthy}")


def _said(seen: list[Symptom]) -> str:
    return "; ".join(f"{one.name} ({one.where} {one.figure:.3g})" for one in seen) or "nothing"


if __name__ == "__main__":
    typer.run(main)
