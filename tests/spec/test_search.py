"""The `search:` and `space:` blocks of a sweep: what they make, and what is wrong in them."""

from __future__ import annotations

import pytest
from spec.helpers import Load, Refusal, names

from minidl.spec.search import HalvingSearch, RandomSearch

RATES = "{optimizer.lr: {log_uniform: [0.001, 1]}}"


def test_a_random_search_draws_what_random_draws(load: Load) -> None:
    """So that a sweep which becomes a search keeps its runs."""
    drawn = load("sweep: {random: {samples: 4, optimizer.lr: {log_uniform: [0.001, 1]}}}")
    searched = load(f"sweep: {{search: {{type: random, trials: 4}}, space: {RATES}}}")
    assert names(searched) == names(drawn)
    assert searched.search == RandomSearch(trials=4, metric="test_loss")
    assert [member.trial for member in searched.members] == [0, 1, 2, 3]


def test_more_trials_keep_the_first(load: Load) -> None:
    few, many = (
        load(f"sweep: {{search: {{type: halving, trials: {n}}}, space: {RATES}}}") for n in (3, 9)
    )
    assert names(many)[:3] == names(few)


def test_a_space_has_whole_numbers_components_and_lists(load: Load) -> None:
    sweep = load(
        "sweep:\n  search: {type: random, trials: 30}\n  space:\n"
        "    training.batch_size: {int: [3, 5]}\n"
        "    model.hidden: {choice: [[4], [4, 4]]}\n"
        "    optimizer: {choice: [{type: adam, lr: 0.01}, sgd]}\n"
    )
    assert {member.spec.training.batch_size for member in sweep.members} == {3, 4, 5}
    assert {member.spec.model.hidden for member in sweep.members} == {(4,), (4, 4)}
    assert {member.spec.optimizer.type for member in sweep.members} == {"adam", "sgd"}


def test_runs_that_differ_by_seed_alone_are_one_trial(load: Load) -> None:
    for given in ("{optimizer.lr: [1, 2], seed: [0, 1]}}", "{optimizer.lr: [1, 2]}, repeats: 2}"):
        sweep = load(f"sweep: {{search: halving, grid: {given}")
        assert [member.trial for member in sweep.members] == [0, 0, 1, 1]


def test_what_a_search_leaves_open_follows_from_its_members(load: Load) -> None:
    """The metric by the part that choices look at, the first rung by the epochs."""
    grid = "grid: {optimizer.lr: [1, 2]}"
    sweep = load(f"sweep: {{search: halving, {grid}}}", "data.validation=50", "training.epochs=81")
    assert sweep.search == HalvingSearch(metric="val_loss", min_epochs=3)
    assert load(f"sweep: {{search: halving, {grid}}}").search == HalvingSearch(
        metric="test_loss", min_epochs=3
    )


def test_a_search_is_read_again_from_what_it_wrote_down(load: Load) -> None:
    block = f"sweep: {{search: {{type: halving, trials: 4}}, space: {RATES}}}"
    first = load(block, repeats=2)
    again = load(f"sweep: {first.block}".replace("'", ""))
    assert (names(again), again.search) == (names(first), first.search)


def test_a_space_is_checked_by_each_value_and_by_combinations(load: Load, refusal: Refusal) -> None:
    """Since what is proposed later can't be known."""
    space = "{optimizer: {choice: [sgd, adam]}, optimizer.lr: {uniform: [0.1, 1]}}"
    sweep = load(f"sweep: {{search: {{type: tpe, trials: 9}}, space: {space}}}")
    tried = {(member.spec.optimizer.type, member.spec.optimizer.lr) for member in sweep.members}
    assert tried == {("sgd", 0.1), ("adam", 1.0), ("adam", 0.1)}
    space = "{optimizer: {choice: [sgd, adam]}, optimizer.momentum: {uniform: [0.1, 0.9]}}"
    (line,) = refusal(f"sweep: {{search: {{type: tpe, trials: 9}}, space: {space}}}")
    assert line.startswith("c.yaml:4:")
    assert "optimizer.momentum: unknown key" in line


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("search: {type: random}, space: " + RATES,
         "4:17: sweep.search.trials: is missing: expected an integer ≥ 1"),
        ("search: {type: tpe}, space: " + RATES,
         "4:17: sweep.search.trials: is missing: expected an integer ≥ 1"),
        ("search: halving, space: " + RATES,
         "4:17: sweep.search.trials: is missing: expected an integer ≥ 1"),
        ("search: {type: random, trials: 0}, space: " + RATES,
         "4:40: sweep.search.trials: expected an integer ≥ 1, but got 0"),
        ("search: {type: random, trials: 5}",
         "4:17: sweep.search: random needs keys to draw, in sweep.space"),
        ("search: halving",
         "4:17: sweep.search: has nothing to try: sweep.grid and sweep.space are missing"),
        ("search: {type: halving, trials: 5}, grid: {seed: [1]}",
         "4:41: sweep.search.trials: a grid is tried as a whole: leave this out, or draw from a "
         "sweep.space"),
        ("search: {type: tpe, trials: 5}, grid: {seed: [1]}, space: " + RATES,
         "4:55: seed: can't stand beside sweep.space: write {choice: […]} there"),
        ("search: {type: tpe, trials: 5}, random: {samples: 3}, space: " + RATES,
         "4:49: sweep.random: beside a search its distributions stand in sweep.space"),
        ("search: {type: tpe, trials: 5}, seed: 3, space: " + RATES,
         "4:47: sweep.seed: beside a search its own seed counts, sweep.search.seed"),
        ("space: " + RATES,
         "4:16: sweep.space: needs a search, such as search: {type: random, trials: 30}"),
        ("search: {type: tpe, trials: 5}, space: {}",
         "4:48: sweep.space: expected keys with a distribution, but got an empty mapping"),
        ("search: {type: halving, min_epochs: 100}, grid: {seed: [1]}",
         "4:45: sweep.search.min_epochs: expected fewer than training.epochs, 100, but got 100"),
        ("search: halving, grid: {loss: [mse, bce_with_logits]}",
         "4:17: sweep.search.metric: test_loss can't compare losses that differ in kind: name "
         "another, such as test_accuracy"),
        ("search: {type: tpe, trials: 5}, space: {optimizer.lr: {int: [0.5, 3]}}",
         "4:63: sweep.space.optimizer.lr: expected {uniform: [low, high]}, {log_uniform: [low, "
         "high]} with 0 < low, {int: [low, high]}, or {choice: [value, …]}, but got a mapping"),
        ("search: halvng, grid: {seed: [1]}",
         "4:17: sweep.search: expected a search (random, halving, hyperband, tpe), but got the "
         "text 'halvng'; did you mean 'halving'?"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_its_place(block: str, expected: str, refusal: Refusal) -> None:
    assert refusal(f"sweep: {{{block}}}") == [f"c.yaml:{expected}"]
