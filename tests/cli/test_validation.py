"""A validation part on the command line."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from minidl_cli.new import Kind
from trainings import SMALL, minidl

from minidl.build import prepare
from minidl.spec import load_spec

STOPS = SMALL.replace("batch_size: 16}", "batch_size: 16, early_stopping: {patience: 5}}")
APPLES = Path(__file__).parents[2] / "configs/data/apples.csv"


def test_validate_says_once_that_test_figures_are_optimistic(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"{STOPS}sweep: {{grid: {{seed: [0, 1, 2]}}}}\n")
    said = minidl("validate", config).out
    assert said.count("training.early_stopping chooses by the test part") == 1
    assert "data.validation: 500" in said
    assert "optimistic" not in minidl("validate", config, "data.validation=20").out
    assert minidl("sweep", config, "--dry-run").err.count("optimistic") == 1


def test_the_sizes_of_all_parts_are_said(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(SMALL)
    said = minidl("validate", config, "--data", "data.validation=1000").out
    assert "40 training, 1,000 validation and 24 test samples" in said


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.csv])
def test_a_new_config_has_one(kind: Kind, tmp_path: Path) -> None:
    minidl("new", tmp_path / "c.yaml", "--data", kind.value)
    assert load_spec(tmp_path / "c.yaml").data.selection_part == "val"


def test_a_new_config_for_a_table_stops_by_it(tmp_path: Path) -> None:
    minidl("new", tmp_path / "c.yaml", "--from", APPLES, "--target", "ripeness")
    spec = load_spec(tmp_path / "c.yaml")
    assert spec.training.early_stopping is not None
    assert spec.training.early_stopping.metric == "val_loss"
    assert spec.optimism() is None
    assert prepare(spec)[0].validation is not None


@pytest.mark.parametrize("rare", [1, 2, 3])
def test_a_new_config_for_a_table_trains_however_rare_a_class_is(rare: int, tmp_path: Path) -> None:
    rows = (f"{i * i % 17},{'c' if i < rare else 'ab'[i % 2]}" for i in range(60))
    (tmp_path / "t.csv").write_text("\n".join(["x,y", *rows]) + "\n")
    minidl("new", tmp_path / "c.yaml", "--from", tmp_path / "t.csv")
    spec = load_spec(tmp_path / "c.yaml")
    assert (spec.data.selection_part == "val") == (rare == 3)
    assert ("has but" in (tmp_path / "c.yaml").read_text()) == (rare < 3)
    prepare(spec)


def test_predict_says_which_rows_validated(tmp_path: Path) -> None:
    rows = (f"{i},{i % 7},{'ab'[i % 2]}" for i in range(40))
    (tmp_path / "t.csv").write_text("\n".join(["x,z,y", *rows]) + "\n")
    config = tmp_path / "c.yaml"
    config.write_text(
        "data: {type: csv, path: t.csv, target: y, validation_fraction: 0.25}\n"
        "model: {mlp: [4]}\nloss: cross_entropy\ntraining: {epochs: 1}\n"
    )
    run = minidl("train", config, "--runs-dir", tmp_path / "runs", "--device", "cpu").run
    said = minidl("predict", run.path, tmp_path / "t.csv", "--inputs").out
    found = list(csv.DictReader(io.StringIO(said)))
    arrays = run.read_predictions()
    for part, count in (("train", 24), ("val", 8), ("test", 8)):
        held = [int(row["row"]) for row in found if row["part"] == part]
        assert len(held) == count
        np.testing.assert_array_equal(held, np.sort(arrays[f"{part}_row"]))
