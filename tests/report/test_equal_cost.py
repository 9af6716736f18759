"""Runs at equal cost: as each stood when all had spent the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from study_cases import curves, resolved, write_run
from trainings import minidl

from minidl.errors import RunError
from minidl.report.members.collect import Member
from minidl.report.members.cost import at_equal_cost, crossing, spent
from minidl.report.tables.compare import compare


def run(folder: Path, accuracies: list[float], seconds: float, batch: int = 10) -> Member:
    """A run with these test accuracies by epoch, each of which took so long."""
    columns = curves(len(accuracies))
    columns |= {"test_accuracy": np.array(accuracies), "train_accuracy": np.array(accuracies)}
    columns["seconds"] = seconds * np.arange(1, len(accuracies) + 1)
    made = write_run(folder, resolved(**{"training.batch_size": batch}), columns)
    return Member.read(made, made.read_record())


@pytest.fixture
def hasty(tmp_path: Path) -> Member:
    """Ahead until 3.5 seconds are spent."""
    return run(tmp_path / "hasty", [0.7, 0.75, 0.76, 0.77], seconds=1.0)


@pytest.fixture
def steady(tmp_path: Path) -> Member:
    return run(tmp_path / "steady", [0.5, 0.8, 0.9, 0.95], seconds=1.75, batch=5)


def test_the_budget_is_the_least_that_a_run_spent(hasty: Member, steady: Member) -> None:
    ((first,), (second,)), budget = at_equal_cost(
        [[hasty], [steady]], lambda member: spent(member, "seconds")
    )
    assert budget == 4.0
    assert first.value("test_accuracy") == 0.77
    assert second.value("test_accuracy") == 0.8  # after 3.5 s; 0.9 takes 5.25


def test_samples_and_operations_are_counted_by_epochs(hasty: Member, steady: Member) -> None:
    prices = {hasty.name: 100.0, steady.name: 400.0}
    (_, (second,)), budget = at_equal_cost(
        [[hasty], [steady]], lambda member: spent(member, "samples", prices[member.name])
    )
    assert (budget, second.value("test_accuracy")) == (400.0, 0.5)


def test_curves_over_the_cost_hold_the_last_evaluation(hasty: Member, steady: Member) -> None:
    ((first,), (second,)), _ = at_equal_cost([[hasty], [steady]], lambda m: spent(m, "seconds"))
    costs, curve = second.columns["epoch"], second.columns["test_accuracy"]
    assert np.isnan(curve[costs < 1.75]).all()
    assert set(curve[(costs >= 3.5) & (costs < 5.25)]) == {0.8}
    assert np.isnan(first.columns["test_accuracy"][costs > 4]).all()  # nobody knows


def test_a_run_that_costs_more_in_one_epoch_than_another_in_all_is_refused(tmp_path: Path) -> None:
    quick, slow = run(tmp_path / "quick", [0.5], 1.0), run(tmp_path / "slow", [0.5, 0.6], 2.0)
    with pytest.raises(RunError, match="more in its first epoch than another in all"):
        at_equal_cost([[quick], [slow]], lambda member: spent(member, "seconds"))


def test_runs_that_did_not_end_have_no_price(hasty: Member, tmp_path: Path) -> None:
    made = write_run(tmp_path / "failed", resolved(), status="failed")
    failed = Member.read(made, made.read_record())
    ((first, second),), budget = at_equal_cost([[hasty, failed]], lambda m: spent(m, "seconds"))
    assert (budget, first.value("test_accuracy")) == (4.0, 0.77)
    assert (second.status, second.columns) == ("failed", {})


def test_the_last_crossing_is_where_the_lead_changed() -> None:
    first = np.array([3.0, 1.0, 3.0, 3.0, np.nan, 1.0])
    assert crossing(first, np.full(6, 2.0)) == 5
    assert crossing(first[:1], np.array([2.0])) is None


def test_a_comparison_says_budget_and_crossing(hasty: Member, steady: Member) -> None:
    made = compare([hasty.folder.path, steady.folder.path], per="seconds")
    assert [of.mean for of in made.metrics["test_accuracy"]] == [0.77, 0.8]
    assert made.over == "seconds of training"
    assert compare([hasty.folder.path, steady.folder.path]).over == "epoch"
    assert made.notes[-2:] == [
        "at equal cost: each run as it stood after 4 seconds of training",
        "from 3.5 seconds of training on, steady is ahead of hasty",
    ]


def test_the_command_counts_samples_and_operations(tmp_path: Path) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(
        "name: small\ndata: {type: moons, train: 60, test: 40}\nmodel: {mlp: [4]}\n"
        "training: {epochs: 2, batch_size: 20}\n"
    )
    command = ["sweep", config, "model.hidden=[4],[8]", "--runs-dir", tmp_path, "--name", "two"]
    assert minidl(*command).code == 0
    # Of the smaller network: 60 samples × 2 epochs, 2 operations a term, 3 products of 2·4 + 4·1.
    for per, said in (("samples", "120 samples"), ("flops", "8640 floating-point operations")):
        done = minidl("compare", tmp_path / "two", "--per", per, "--no-plot")
        assert done.code == 0, done.err
        assert f"as it stood after {said}" in done.out
    refused = minidl("compare", tmp_path / "two", "--per", "flops", "--epoch", "best")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
