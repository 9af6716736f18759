"""What is wrong in a `sweep:` block or in overrides with commas: each in one line."""

from __future__ import annotations

import pytest
from spec.helpers import Refusal


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("sweep:", "c.yaml:4:7: sweep: expected a mapping with grid, zip, random, repeats or "
         "folds, but got nothing"),
        ("sweep: 3", "c.yaml:4:8: sweep: expected a mapping with grid, zip, random, repeats or "
         "folds, but got 3"),
        ("sweep: {gird: {seed: [1]}}", "c.yaml:4:9: sweep.gird: unknown key 'gird'; "
         "did you mean 'grid'?"),
        ("sweep: {grid: {}}", "c.yaml:4:15: sweep.grid: expected a mapping from keys to lists of "
         "values, but got an empty mapping"),
        ("sweep: {grid: [1]}", "c.yaml:4:15: sweep.grid: expected a mapping from keys to lists of "
         "values, but got a list of 1"),
        ("sweep: {grid: {seed: []}}", "c.yaml:4:22: sweep.grid.seed: expected a list of values, "
         "but got an empty list"),
        ("sweep: {grid: {seed: 3}}", "c.yaml:4:22: sweep.grid.seed: expected a list of values, "
         "but got 3"),
        ("sweep: {grid: {optimizer.rl: [1]}}", "c.yaml:4:31: optimizer.rl: unknown key; the keys "
         "here are type, lr, momentum, dampening, nesterov, weight_decay, decoupled, l1, "
         "weight_decay_on, lr_factors; did you mean 'lr'?"),
        ("sweep: {grid: {optimzer.lr: [1]}}", "c.yaml:4:30: optimzer: unknown key; the keys here "
         "are name, seed, device, data, model, loss, optimizer, schedule, training; did you mean "
         "'optimizer'?"),
        ("sweep: {grid: {loss: [mes]}}", "c.yaml:4:23: loss: expected a loss (mse, mae, huber, "
         "smooth_l1, bce, bce_with_logits, cross_entropy), but got the text 'mes'; did you mean "
         "'mse'?"),
        ("sweep: {grid: {optimizer.lr: [0.1, -1]}}", "c.yaml:4:36: optimizer.lr: expected a number "
         "> 0, but got -1"),
        ("sweep: {grid: {'a..b': [1]}}", "c.yaml:4:25: a..b: expected a key such as optimizer.lr"),
        ("sweep: {grid: {'model.hidden[7]': [1]}}", "c.yaml:4:36: model.hidden[7]: there is no "
         "item [7]: the last is [2]"),
        ("sweep: {zip: {seed: [1, 2], optimizer.lr: [1]}}", "c.yaml:4:14: sweep.zip: expected "
         "lists of the same length, but got a mapping"),
        ("sweep: {grid: {seed: [1]}, zip: {seed: [2]}}", "c.yaml:4:34: sweep.zip.seed: stands in "
         "sweep.grid already"),
        ("sweep: {grid: {seed: [1]}, grid: {seed: [2]}}", "c.yaml:4:28: the key 'grid' is given "
         "twice (first in line 4)"),
        ("sweep: {repeats: 0}", "c.yaml:4:18: sweep.repeats: expected an integer ≥ 1, but got 0"),
        ("sweep: {repeats: true}", "c.yaml:4:18: sweep.repeats: expected an integer ≥ 1, "
         "but got true"),
        ("sweep: {folds: 1}", "c.yaml:4:16: sweep.folds: expected an integer ≥ 2, but got 1"),
        ("sweep: {folds: 3}", "c.yaml:4:16: sweep.folds: disk is drawn anew for each run, so it "
         "has no folds: use repeats"),
        ("sweep: {folds: 3, grid: {data: [{type: csv, path: a, target: y, test_path: b}]}}",
         "c.yaml:4:16: data.folds: excludes test_path: each fold tests in its turn"),
        ("sweep: {folds: 3, grid: {data: [iris], data.test_fraction: [0.1]}}",
         "c.yaml:4:16: data.folds: excludes test_fraction: each fold tests in its turn"),
        ("sweep: {random: {samples: 2}}", "c.yaml:4:17: sweep.random: expected samples and keys "
         "with a distribution, but got a mapping"),
        ("sweep: {random: {seed: {choice: [1]}}}", "c.yaml:4:17: sweep.random.samples: is missing: "
         "expected an integer ≥ 1"),
        ("schedule: {type: multistep, milestones: [[9, 0.1]]}\nsweep: {grid: {optimizer.lr: [1]}}",
         "c.yaml:4:41: schedule.milestones: name rates, whatever the swept optimizer.lr is: add "
         "schedule=constant, or 'schedule={type: multistep, milestones: [9], factor: 0.1}'"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_block_is_one_line_with_its_place(
    block: str, expected: str, refusal: Refusal
) -> None:
    assert refusal(block) == [expected]


@pytest.mark.parametrize(
    "distribution",
    [
        "{log_uniform: [0, 1]}",
        "{log_uniform: [1, 0.1]}",
        "{uniform: [1]}",
        "{uniform: [0, x]}",
        "{loguniform: [1, 2]}",
        "{choice: []}",
        "{uniform: [0, 1], choice: [1]}",
        "[1, 2]",
        "3",
    ],
)
def test_a_distribution_that_is_none_is_refused(distribution: str, refusal: Refusal) -> None:
    (line,) = refusal(f"sweep: {{random: {{samples: 2, optimizer.lr: {distribution}}}}}")
    assert line.startswith(
        "c.yaml:4:44: sweep.random.optimizer.lr: expected {uniform: [low, high]}, "
        "{log_uniform: [low, high]} with 0 < low, {int: [low, high]}, or {choice: [value, …]}, "
        "but got "
    )


def test_all_mistakes_are_told_at_once_in_the_files_order(refusal: Refusal) -> None:
    lines = refusal("sweep: {grid: {seed: 3}, gird: {}, repeats: x}")
    assert [line.split(": ")[0] for line in lines] == ["c.yaml:4:22", "c.yaml:4:26", "c.yaml:4:45"]
    lines = refusal("sweep: {grid: {seed: [-1, 1], model.dropout: [0.1, 2]}}")
    assert [line.split(": ")[0] for line in lines] == ["c.yaml:4:23", "c.yaml:4:52"]


def test_ten_million_members_are_refused_with_the_number(refusal: Refusal) -> None:
    ten = list(range(10))
    block = f"sweep: {{grid: {{seed: {ten}, data.seed: {ten}, model.seed: {ten}}}, repeats: 10000}}"
    assert refusal(block) == [
        "c.yaml: sweep: has 10,000,000 members, more than the 100,000 that one may have"
    ]


@pytest.mark.parametrize("block", ["repeats: 9223372036854775807", "folds: 9223372036854775807"])
def test_members_are_counted_before_any_is_made(block: str, refusal: Refusal) -> None:
    (line,) = refusal(f"sweep: {{{block}}}")
    assert "has 9,223,372,036,854,775,807 members, more than the 100,000" in line


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("optimizer.lr=0.1,,0.2", "command line: has an empty value between commas"),
        ("optimizer.lr=0.1,", "command line: has an empty value between commas"),
        ("optimzer.lr=1,2", "command line: optimzer: unknown key; the keys here are name, seed, "
         "device, data, model, loss, optimizer, schedule, training; did you mean 'optimizer'?"),
        ("optimizer.lr=1,-1", "command line: optimizer.lr: expected a number > 0, but got -1"),
        ("=1,2", "command line: expected a key such as optimizer.lr"),
        ("optimizer.lr", "command line: expected key=value, such as optimizer.lr=0.01"),
        ("optimizer.lr=1,&a 2", "command line: anchors (&a) aren't used in a config"),
        ("loss=mse,[", "command line: isn't valid YAML"),
    ],
)  # fmt: skip
def test_a_wrong_override_is_quoted(override: str, expected: str, refusal: Refusal) -> None:
    lines = refusal("", override)
    assert lines[0].startswith(expected)
    assert f"(in the override {override!r})" in lines[0]
