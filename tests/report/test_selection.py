"""Which part choices among runs look at, and how a report marks what the test part chose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_cases import curves, resolved, write_run

from minidl.report.members.collect import Member, collect
from minidl.report.study import default_figures
from minidl.report.tables.compare import compare
from minidl.report.tables.document import Document
from minidl.report.tables.formats import as_csv, as_json, as_latex, as_table
from minidl.report.tables.query import query
from minidl.report.tables.table import default_metrics, default_score, make_table

# By rate: what is better on the test part is worse on the validation part.
LOSSES = {0.1: (0.02, 0.05), 0.01: (0.03, 0.04)}


def runs(folder: Path, *, validated: bool, **settings: Any) -> list[Member]:
    for rate, (on_test, on_val) in LOSSES.items():
        for seed in range(2):
            columns = curves(5, final_loss=on_test, noise=0, seed=seed)
            if validated:
                columns |= {
                    "val_loss": curves(5, final_loss=on_val, noise=0)["test_loss"],
                    "val_accuracy": 1 - 10 * curves(5, final_loss=on_val, noise=0)["test_loss"],
                }
            config = resolved(**{"optimizer.lr": rate, **settings}) | {"seed": seed}
            last = {k: float(v[-1]) for k, v in columns.items() if "_" in k}
            best = {"metric": "val_loss" if validated else "test_loss", "epoch": 5, **last}
            write_run(folder / f"{rate}-{seed}", config, columns, best=best)
    return list(collect([folder]).members)


def chosen(members: list[Member], **asked: Any) -> list[Any]:
    table = make_table(members, query(best_over="lr", **asked))
    return [row.settings["optimizer.lr"] for row in table.rows]


def test_the_best_value_is_that_of_the_validation_part(tmp_path: Path) -> None:
    members = runs(tmp_path, validated=True)
    assert chosen(members) == [0.01]
    assert chosen(members, metrics=["test_loss"]) == [0.01]
    assert chosen(members, best_by="test_loss") == [0.1]


def test_without_one_it_is_that_of_the_test_part(tmp_path: Path) -> None:
    assert chosen(runs(tmp_path, validated=False)) == [0.1]


def test_its_columns_come_first_and_decide_what_is_better(tmp_path: Path) -> None:
    members = runs(tmp_path, validated=True)
    assert default_metrics(members) == ["val_loss", "val_accuracy", "test_loss", "test_accuracy"]
    assert default_score(members) == "val_accuracy"
    assert [figure.metrics for figure in default_figures(members)[:1]] == [("val_loss",)]
    assert {one.metric for _, _, one in compare([tmp_path]).differences} == {"val_accuracy"}


def test_runs_of_which_some_have_none_are_compared_by_the_test_part(tmp_path: Path) -> None:
    members = [*runs(tmp_path / "a", validated=True), *runs(tmp_path / "b", validated=False)]
    assert default_metrics(members) == ["test_loss", "test_accuracy"]


STOPS = {"training.early_stopping": {"metric": "test_loss"}}


@pytest.mark.parametrize(
    ("settings", "validated", "asked", "why"),
    [
        (STOPS, False, {}, "early stopping by test loss"),
        (
            {"schedule": {"type": "plateau", "metric": "test_accuracy"}},
            False,
            {},
            "the schedule by",
        ),
        (
            {"training.stop_at": {"metric": "test_accuracy", "value": 1.0}},
            *(False, {}, "stop_at by test accuracy"),
        ),
        ({}, False, {"best_over": "lr"}, "lr by test loss"),
        ({}, False, {"epoch": "best"}, "the best epoch by test loss"),
        ({}, True, {"best_over": "lr", "best_by": "test_accuracy"}, "lr by test accuracy"),
        ({}, True, {"best_over": "lr", "epoch": "best"}, ""),
        ({"training.early_stopping": {"metric": "val_loss"}}, True, {}, ""),
        ({}, False, {}, ""),
        (STOPS, False, {"metrics": ["train_loss"]}, ""),
    ],
)
def test_columns_of_a_test_part_that_chose_are_marked(
    settings: dict[str, Any], validated: bool, asked: dict[str, Any], why: str, tmp_path: Path
) -> None:
    if validated:
        settings = {"data.validation": 100, **settings}
    table = make_table(runs(tmp_path, validated=validated, **settings), query(**asked))
    document = Document("runs", [table])
    heads = as_table(document).splitlines()[0]
    if why:
        assert heads.count("†") == sum(metric.startswith("test_") for metric in table.metrics)
        assert f"† optimistic: the test part itself chose ({why}" in as_table(document)
        assert r"$\dagger$" in as_latex(document)
        assert why in json.loads(as_json(document))["tables"][0]["chosen_on_test"][-1]
    else:
        assert "†" not in as_table(document)
    assert "†" not in as_csv(table)


def test_a_marked_head_still_names_its_metric(tmp_path: Path) -> None:
    members = runs(tmp_path, validated=False, **STOPS)
    table = make_table(members, query(sort_by="test accuracy (%) †"))
    means = [row.statistics["test_accuracy"].mean for row in table.rows]
    assert means == sorted(means, reverse=True)


def test_compare_says_so_too(tmp_path: Path) -> None:
    runs(tmp_path, validated=False, **STOPS)
    assert any("early stopping by test loss" in note for note in compare([tmp_path]).notes)
    assert np.isfinite(compare([tmp_path]).metrics["test_loss"][0].mean)
