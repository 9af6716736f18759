"""Formulas, as docstrings state them, and with numbers put in."""

from __future__ import annotations

import pytest
from cases import LAYERS, LOSSES, OPTIMIZERS, LayerCase, LossCase, OptimizerCase

from minidl import nn
from minidl.explain.filled import filled, shown, total
from minidl.explain.formulas import formula_of, update_formulas


@pytest.mark.parametrize("case", LAYERS, ids=repr)
def test_every_layer_states_its_formula_forward_and_backward(case: LayerCase) -> None:
    formula = formula_of(case.make())
    assert any(text.startswith("y") for text in formula.forward)
    assert any(text.startswith("dx") for text in formula.backward)


@pytest.mark.parametrize("case", LOSSES, ids=repr)
def test_every_loss_states_its_formula_and_its_gradient(case: LossCase) -> None:
    formula = formula_of(case.make())
    assert formula.forward[0].startswith("L = ")
    assert formula.backward[0].startswith("dL/d")


@pytest.mark.parametrize("case", OPTIMIZERS, ids=repr)
def test_every_optimizer_states_the_update_of_the_weights_once(case: OptimizerCase) -> None:
    optimizer = case.make(nn.Linear(1, 1))
    formulas = update_formulas(optimizer)
    assert sum(text.startswith("θ ← θ") for text in formulas) == 1
    assert {name for name in optimizer.vectors if name != "largest_v"} == {
        text.split(" ")[0] for text in formulas
    } - {"θ", "g"}


def test_what_a_parameterised_layer_adds_to_its_gradients_is_among_its_formulas() -> None:
    assert formula_of(nn.Conv2d(1, 1, 3)).backward[1].startswith("db[o] = Σ")
    assert formula_of(nn.BatchNorm1d(2)).backward[:2] == ("dγ = Σ dy x̂", "dβ = Σ dy")


@pytest.mark.parametrize(
    ("formula", "numbers"),
    [
        ("max(0, x)", "max(0, −0.5)"),
        ("1 / (1 + e⁻ˣ)", "1 / (1 + e^(−(−0.5)))"),
        ("x σ(x)", "−0.5 · σ(−0.5)"),
        ("dy · (1 − y²)", "2 · (1 − (−0.25)²)"),
        ("dy · 1[x > 0]", "2 · 1[−0.5 > 0]"),
        ("β₁ m + (1 − β₁) g", "β₁ m + (1 − β₁) g"),
        ("(1 − y) dy", "(1 − (−0.25)) · 2"),
    ],
)
def test_numbers_take_the_place_of_symbols(formula: str, numbers: str) -> None:
    assert filled(formula, {"x": -0.5, "y": -0.25, "dy": 2.0}) == numbers


def test_a_long_sum_shows_its_largest_terms_and_what_the_others_add_up_to() -> None:
    terms = [(shown(x), x) for x in (0.1, -4.0, 0.2, 3.0, 0.3)]
    assert total(terms, 8) == "0.1 − 4 + 0.2 + 3 + 0.3"
    assert total(terms, 4) == "−4 + 3 + 3 more: 0.6"
