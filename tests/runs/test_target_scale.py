"""A regression's target of any size can be learned, and is reported in its own units."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from minidl.runs.execute import execute
from minidl.runs.inference import TrainedRun
from minidl.spec import Spec, parse_spec

PRICE, SPREAD = 150_000.0, 40_000.0


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """150 houses whose price follows their size, give or take a little."""
    dice = np.random.default_rng(0)
    size = dice.uniform(40, 200, 150)
    price = PRICE + SPREAD * (size - 120) / 46 + dice.normal(0, 2_000, 150)
    path = tmp_path / "prices.csv"
    rows = "".join(f"{s:.1f},{p:.0f}\n" for s, p in zip(size, price, strict=True))
    path.write_text("size,price\n" + rows)
    return path


def spec(path: Path, *overrides: str) -> Spec:
    text = f"""
        data: {{type: csv, path: "{path}", target: price}}
        model: {{type: mlp, hidden: [16]}}
        optimizer: {{type: adam, lr: 0.03}}
        training: {{epochs: 60, batch_size: 20}}
    """
    return parse_spec(text, overrides=list(overrides))


def test_large_targets_are_learned_and_predicted_in_their_units(
    prices: Path, tmp_path: Path
) -> None:
    run = execute(spec(prices), runs_dir=tmp_path, name="run").run
    final = run.record.final
    assert final["test_r2"] > 0.95
    assert final["test_loss"] < 0.1  # of the standardized target
    table = TrainedRun.load(run.folder.path).predict_file(prices).content().decode()
    predicted = [float(row["price"]) for row in csv.DictReader(io.StringIO(table))]
    with prices.open() as file:
        true = [float(row["price"]) for row in csv.DictReader(file)]
    assert np.corrcoef(predicted, true)[0, 1] > 0.97
    assert np.mean(predicted) == pytest.approx(PRICE, rel=0.05)


def test_mse_and_mae_are_those_of_the_predictions_in_the_targets_units(
    prices: Path, tmp_path: Path
) -> None:
    run = execute(spec(prices, "training.dtype=float64"), runs_dir=tmp_path, name="run").run
    arrays = run.folder.read_predictions()
    errors = arrays["test_output"] - arrays["test_target"]
    assert run.record.final["test_mse"] == pytest.approx((errors**2).mean(), rel=1e-9)
    assert run.record.final["test_mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-9)
    assert arrays["test_target"].mean() == pytest.approx(PRICE, rel=0.2)


def test_targets_stay_as_they_are_without_standardize(prices: Path, tmp_path: Path) -> None:
    run = execute(
        spec(prices, "data.standardize=false", "training.epochs=1"), runs_dir=tmp_path, name="run"
    ).run
    assert run.record.target_scale is None
    final = run.record.final
    assert final["test_loss"] == pytest.approx(final["test_mse"], rel=1e-5)
