"""Run folders → members, groups and statistics."""

from __future__ import annotations

import math
import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import yaml
from study_cases import curves, resolved, sweep, write_run

from minidl.errors import RunError
from minidl.report.members.collect import Member, collect
from minidl.report.members.configs import read_settings
from minidl.report.members.groups import Statistics, best_over, group_by
from minidl.report.members.settings import flatten, heads, matches, number, varying
from minidl.report.tables.table import whole_keys
from minidl.store import records, system
from minidl.store.run_folder import RunFolder
from minidl.store.run_record import RunRecord


def test_components_are_named_by_their_type_and_lists_are_one_word() -> None:
    settings = flatten(
        {
            "optimizer": {"type": "sgd", "lr": 0.1},
            "model": {"hidden": [25, 25], "layers": [{"type": "linear", "out_features": 5}]},
            "schedule": {"milestones": [[100, 0.03]]},
            "training": {"early_stopping": {"patience": 3}, "stop_at": None},
        }
    )
    assert settings == {
        "optimizer": "sgd",
        "optimizer.lr": 0.1,
        "model.hidden": "[25, 25]",
        "model.layers": "[linear]",
        "model.layers[0].out_features": 5,
        "schedule.milestones": "[[100, 0.03]]",
        "training.early_stopping": "given",
        "training.early_stopping.patience": 3,
        "training.stop_at": None,
    }


def test_only_keys_that_tell_runs_apart_vary() -> None:
    sgd: dict[str, Any] = {"optimizer": "sgd", "optimizer.lr": 0.1, "seed": 0}
    adam: dict[str, Any] = {
        "optimizer": "adam",
        "optimizer.lr": 0.1,
        "optimizer.beta1": 0.9,
        "seed": 1,
    }
    assert varying([sgd, adam]) == ["optimizer"]
    assert varying([sgd, sgd | {"seed": 5, "name": "x"}]) == []
    # Where nothing else does, a key that only one has tells them apart.
    assert varying([sgd, sgd | {"clip": 1.0}]) == ["clip"]


def test_the_end_of_a_key_is_enough_where_one_is_meant() -> None:
    def members(**second: Any) -> list[Member]:
        first: dict[str, Any] = {"optimizer.lr": 0.1, "a.x": 1, "b.x": 1}
        both = first, {**first, **second}
        return [Member(RunFolder("run"), settings, RunRecord()) for settings in both]

    assert whole_keys(members(), ["lr", "a.x"]) == ["optimizer.lr", "a.x"]
    assert whole_keys(members(**{"b.x": 2}), ["x"]) == ["b.x"]  # the one that differs
    with pytest.raises(RunError, match=r"'x' is the end of several keys: write one of a.x, b.x"):
        whole_keys(members(), ["x"])
    with pytest.raises(RunError, match="none of these runs has the key 'r'"):
        whole_keys(members(), ["r"])


def test_values_match_like_a_config_s() -> None:
    settings = flatten({"a": 1, "b": True, "h": [25, 25], "loss": {"type": "mse"}, "r": 1e-3})
    assert matches(settings, {"a": 1.0, "h": (25, 25), "loss": "mse", "r": 0.001})
    assert matches(settings, {"a": (2, 1)})
    assert not matches(settings, {"b": 1})
    assert not matches(settings, {"a": True})
    assert not matches(settings, {"missing": 1})


def test_heads_are_as_short_as_they_stay_unlike() -> None:
    assert heads(["optimizer.lr", "training.batch_size"]) == ["lr", "batch_size"]
    keys = ["data.seed", "model.seed", "loss"]
    assert heads(keys) == ["data.seed", "model.seed", "loss"]


@pytest.mark.parametrize(
    ("value", "words"),
    [(1e-6, "1e-6"), (0.1, "0.1"), (250.0, "250"), (1.5e-7, "1.5e-7"), (1e22, "1e22")],
)
def test_numbers_have_all_their_digits(value: float, words: str) -> None:
    assert number(value) == words
    assert float(words) == value


def test_both_ways_to_read_a_config_agree(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    config = resolved(**{"model.activation": ["tanh", "relu", "sigmoid"], "optimizer.lr": 1e-7})
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    assert read_settings(path) == flatten(config)
    path.write_text("---\n" + path.read_text())  # no section by section for this
    assert read_settings(path) == flatten(config)


def test_statistics_ignore_what_is_no_number_and_the_order() -> None:
    of = Statistics.of([3.0, math.nan, 1.0, 2.0])
    assert (of.n, of.mean, of.std, of.min, of.max, of.median) == (3, 2.0, 1.0, 1.0, 3.0, 2.0)
    quantile = 0.95 / math.sqrt(2 * 0.975 * 0.025)  # of Student's t with two degrees of freedom
    assert of.ci95 == pytest.approx(quantile / math.sqrt(3), rel=1e-12)
    assert Statistics.of([0.1] * 7).std == 0
    assert math.isnan(Statistics.of([1.0]).std)
    assert Statistics.of([]).n == 0
    values = np.random.default_rng(0).normal(size=50)
    assert Statistics.of(values) == Statistics.of(values[::-1])


def test_runs_that_differ_by_seed_alone_are_one_group(tmp_path: Path) -> None:
    sweep(tmp_path / "s", {"optimizer.lr": [0.1, 0.2]}, repeats=3)
    other = resolved(**{"optimizer.lr": 0.1}) | {"seed": 9, "name": "x", "device": "cuda:0"}
    write_run(tmp_path / "alone", other, curves(5))
    groups = group_by(collect([tmp_path]).members, None)
    assert sorted(len(group.members) for group in groups) == [3, 4]


def test_a_repetition_is_no_further_sample(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", resolved(), curves(5))
    shutil.copytree(first.path, tmp_path / "b")
    write_run(tmp_path / "c", resolved(), curves(5), started="2027-01-01T00:00:00+00:00")
    write_run(tmp_path / "d", resolved(), None, "failed", started="2028-01-01T00:00:00+00:00")
    found = collect([tmp_path])
    assert [member.name for member in found.members] == ["c"]
    assert "3 of 4 runs left out" in found.notes[0]


def test_a_rate_that_mostly_diverges_is_never_the_best(tmp_path: Path) -> None:
    def look(settings: dict[str, Any], seed: int) -> dict[str, Any]:
        if settings["optimizer.lr"] == 1.0:
            return {"status": "diverged"} if seed else {"final_loss": 0.001}
        return {"final_loss": settings["optimizer.lr"]}

    sweep(tmp_path / "s", {"optimizer.lr": [0.02, 0.05, 1.0]}, look=look)
    groups = group_by(collect([tmp_path]).members, ["optimizer.lr"])
    (best,) = best_over(groups, "optimizer.lr", "test_loss")
    assert best.settings["optimizer.lr"] == 0.02


def damage(run: Path, how: str) -> None:
    if how == "no record":
        (run / "run.json").unlink()
    elif how == "half a record":
        (run / "run.json").write_text('{"status": "do')
    elif how == "odd status":
        (run / "run.json").write_text('{"status": ["done"]}')
    elif how == "no config":
        (run / "config.yaml").unlink()
    elif how == "empty config":
        (run / "config.yaml").write_text("")
    elif how == "an alias bomb":
        (run / "config.yaml").write_text("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n")
    elif how == "deep":
        (run / "config.yaml").write_text("a: " + "[" * 2000)
    elif how == "bytes":
        (run / "config.yaml").write_bytes(b"\xff\xfe\x00")
    elif how == "a list":
        (run / "config.yaml").write_text("- a\n")
    elif how == "a key twice":
        (run / "config.yaml").write_text("seed: 1\nloss: mse\nseed: 2\n")


def test_each_file_of_a_run_is_read_once_and_each_record_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(3):
        run = write_run(tmp_path / f"m{seed}", resolved(seed=seed), curves(5))
        run.write_record(replace(run.read_record(), metrics=run.metrics.mark()))
    opened: list[str] = []
    decode, disk = Mock(wraps=records.decode), system.disk

    def counted(operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if operation is os.open:
            opened.append(Path(arguments[0]).name)
        return disk(operation, *arguments, **options)

    monkeypatch.setattr(system, "disk", counted)
    monkeypatch.setattr(records, "decode", decode)
    assert len(collect([tmp_path]).members) == 3
    assert Counter(opened) == {"run.json": 3, "config.yaml": 3, "metrics.csv": 3}
    assert decode.call_count == 3


@pytest.mark.parametrize(
    "how",
    [
        "no record", "half a record", "odd status", "no config", "empty config",
        "an alias bomb", "deep", "bytes", "a list", "a key twice",
    ],
)  # fmt: skip
def test_a_damaged_run_is_listed_and_the_others_count(tmp_path: Path, how: str) -> None:
    write_run(tmp_path / "good", resolved(), curves(5))
    damage(write_run(tmp_path / "bad", resolved(), curves(5)).path, how)
    found = collect([tmp_path])
    assert [member.name for member in found.members] == ["good"]
    (broken,) = found.broken
    assert broken.path.name == "bad"
    assert "bad" in broken.problem
    assert "\n" not in broken.problem


def test_a_member_that_failed_before_it_began_says_why(tmp_path: Path) -> None:
    run = write_run(tmp_path / "m", resolved(), None, "failed")
    run.config_path.unlink()
    (run.path / "error.txt").write_text("out of memory\nmore\n")
    (broken,) = collect([tmp_path]).broken
    assert broken.problem.endswith("failed before it began: out of memory")


def test_metrics_that_are_no_numbers_are_none(tmp_path: Path) -> None:
    final: dict[str, Any] = {
        "test_loss": "low",
        "test_accuracy": None,
        "train_loss": True,
        "train_mse": [],
    }
    write_run(tmp_path / "odd", resolved(), curves(5), final=final, best=final)
    (member,) = collect([tmp_path]).members
    for metric in ("test_loss", "test_error", "train_loss", "train_mse"):
        assert math.isnan(member.value(metric))
        assert math.isnan(member.value(metric, "best"))


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no runs"):
        collect([tmp_path])
    with pytest.raises(RunError, match="no such folder"):
        collect([tmp_path / "nowhere"])
