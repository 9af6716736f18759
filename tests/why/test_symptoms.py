"""Planted faults are named first, healthy runs left alone."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trainings import spec

from minidl.build import prepare
from minidl.why.evidence import Evidence
from minidl.why.symptoms import FINDERS, Symptom, symptoms

sys.path.append(str(Path(__file__).parent.parent.parent / "benchmarks"))

from symptoms import FAULTS, HELD_OUT, found, texts

sys.path.pop()  # other tests import a `sweep` of their own, which is a benchmark's name, too

pytestmark = pytest.mark.usefixtures("kept_programs")

IRIS = texts(held_out=False)["iris"]


@pytest.mark.parametrize("planted", FAULTS)
def test_a_planted_fault_is_named_first(planted: str) -> None:
    seen = found(IRIS, 0, FAULTS[planted])
    assert seen[0].name == FAULTS[planted].symptom


def test_a_healthy_run_has_no_symptom() -> None:
    assert found(IRIS, 0) == []


@pytest.mark.slow
@pytest.mark.parametrize("held_out", [False, True], ids=["shipped", "held out"])
def test_nine_of_ten_faults_are_named_first_and_healthy_runs_left_alone(held_out: bool) -> None:
    configs = texts(held_out)
    first = [
        bool(seen := found(text, 0, fault)) and seen[0].name == fault.symptom
        for text in configs.values()
        for fault in FAULTS.values()
    ]
    assert np.mean(first) >= 0.9
    healthy = [found(text, seed) for text in configs.values() for seed in range(4)]
    assert not any(healthy)
    assert set(HELD_OUT).isdisjoint(texts(held_out=False))


def evidence(*overrides: str, **changes: Any) -> Evidence:
    """What is known of a healthy training, changed."""
    own = spec("training.epochs=10", *overrides)
    data, _ = prepare(own)
    epochs = np.arange(1.0, 11.0)
    known = Evidence(
        own,
        data,
        (),
        {"fc_1": 2.0, "fc_2": 1.0},
        {"epoch": epochs, "train_loss": 1 / epochs, "test_loss": 1 / epochs}
        | {"train_accuracy": 1 - 0.5 / epochs},
        {f"fc_{n}.{what}": np.full(10, size) for n in (1, 2) for what, size in SIZES.items()}
        | {"act_1.dead": np.zeros(10)},
        diverged=False,
    )
    for name, values in changes.items():
        kept = getattr(known, name)
        known = replace(known, **{name: {**kept, **values}})  # type: ignore[arg-type]
    return known


SIZES = {"weight_norm": 2.0, "gradient_norm": 0.1, "update_ratio": 0.01}


def names(found: list[Symptom]) -> list[str]:
    return [one.name for one in found]


def test_the_evidence_of_these_tests_is_healthy() -> None:
    assert symptoms(evidence()) == []


def test_gradients_that_grow_towards_the_first_layer_explode() -> None:
    grown = evidence(dynamics={"fc_1.gradient_norm": np.full(10, 50.0)})
    (seen,) = symptoms(grown)
    assert (seen.name, seen.where, seen.figure) == ("exploding gradients", "fc_1", 500.0)


def test_units_at_the_flat_ends_of_their_function_are_a_symptom_but_not_at_the_output() -> None:
    flat = {"act_1.saturated": np.full(10, 0.8), "act_2.saturated": np.ones(10)}
    (seen,) = symptoms(evidence("model.output_activation=sigmoid", dynamics=flat))
    assert (seen.name, seen.where, seen.figure) == ("saturated units", "act_1", 0.8)


def test_a_loss_that_stays_and_then_falls_left_its_plateau_late() -> None:
    loss = np.array([1, 1, 0.99, 1, 0.98, 0.5, 0.3, 0.2, 0.1, 0.1])
    (seen,) = symptoms(evidence(metrics={"train_loss": loss}))
    assert (seen.name, seen.figure) == ("plateau left late", 0.5)


def test_a_test_loss_that_rises_while_the_training_loss_falls_is_overfitting() -> None:
    loss = np.array([1, 0.6, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2])
    (seen,) = symptoms(evidence(metrics={"test_loss": loss}))
    assert (seen.name, seen.where, seen.figure) == ("overfitting", "test_loss", 2.4)
    assert "epoch 3" in seen.says


def test_a_test_loss_that_doubles_from_next_to_nothing_is_not() -> None:
    loss = np.array([1, 0.6, 0.1, 0.05, 0.01, 0.01, 0.02, 0.02, 0.03, 0.03])
    assert symptoms(evidence(metrics={"test_loss": loss})) == []


def test_a_class_that_is_all_but_absent_is_named() -> None:
    known = evidence()
    targets = np.zeros_like(known.data.train.targets)
    targets[0] = 1
    rare = replace(known.data, train=replace(known.data.train, targets=targets))
    assert ("class imbalance", "inside", 1 / 40) in [
        (one.name, one.where, one.figure) for one in symptoms(replace(known, data=rare))
    ]


def test_what_learns_little_underfits_unless_something_else_explains_it() -> None:
    little = {"train_accuracy": np.full(10, 0.5)}
    assert names(symptoms(evidence(metrics=little))) == ["underfitting"]
    dead = evidence(metrics=little, dynamics={"act_1.dead": np.ones(10)})
    assert names(symptoms(dead)) == ["dead units"]


def test_causes_stand_before_what_follows_from_them() -> None:
    order = [find.__name__ for find in FINDERS]
    for cause, effect in (
        ("unscaled_inputs", "high_rate"),
        ("alike_units", "dead_units"),
        ("high_rate", "dead_units"),
        ("vanishing_gradients", "low_rate"),
    ):
        assert order.index(cause) < order.index(effect)
