"""Learning rates, as metrics.csv reports them: those that each epoch used."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from trainings import columns, train


def rates(folder: Path, *overrides: str, epochs: int = 6) -> list[float]:
    finished = train(folder, "optimizer.lr=0.1", f"training.epochs={epochs}", *overrides)
    assert finished.code == 0, finished.err
    return columns(finished.run)["lr"]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.1] * 6),
        ("{type: multistep, milestones: [[2, 0.03], [5, 0.01]]}", [0.1] * 2 + [0.03] * 3 + [0.01]),
        ("{type: multistep, milestones: [2, 3], factor: 0.5}", [0.1, 0.1, 0.05] + [0.025] * 3),
        ("{type: step, step_size: 2, factor: 0.5}", [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]),
        ("{type: exponential, factor: 0.5}", [0.1 / 2**i for i in range(6)]),
        ("cosine", [0.05 * (1 + math.cos(math.pi * i / 6)) for i in range(6)]),
        ("{type: linear, final: 0.4}", [0.1, 0.09, 0.08, 0.07, 0.06, 0.05]),
        ("{type: linear, epochs: 2}", [0.1, 0.05, 0, 0, 0, 0]),
        ("{polynomial: 2}", [0.1 * (1 - i / 6) ** 2 for i in range(6)]),
        ("{cosine_restarts: 2}", [0.1, 0.05] * 3),
        ("{type: one_cycle, pct_start: 0.5}", [0.004, 0.052, 0.1, 0.0750001, 0.0250003, 4e-7]),
    ],
)
def test_schedules_count_finished_epochs(
    schedule: str, expected: list[float], tmp_path: Path
) -> None:
    assert rates(tmp_path, f"schedule={schedule}") == pytest.approx(expected, rel=1e-12)


def test_a_warmup_rises_in_front_of_the_schedule(tmp_path: Path) -> None:
    schedule = "{type: step, step_size: 1, factor: 0.5, warmup: 3}"
    expected = [0.025, 0.05, 0.075, 0.1, 0.05, 0.025]
    assert rates(tmp_path, f"schedule={schedule}") == pytest.approx(expected)


def test_milestones_mean_epochs_of_the_training_with_a_warmup_too(tmp_path: Path) -> None:
    schedule = "{type: multistep, milestones: [[4, 0.03]], warmup: 1}"
    expected = [0.05, 0.1, 0.1, 0.1, 0.03, 0.03]
    assert rates(tmp_path, f"schedule={schedule}") == pytest.approx(expected)


def test_a_plateau_follows_the_metric_as_in_pytorch(tmp_path: Path) -> None:
    """Rates by torch's scheduler, fed with the very metrics of the run."""
    schedule = (
        "{type: plateau, metric: test_loss, patience: 1, factor: 0.5, threshold: 0.01, "
        "cooldown: 1, min_lr: 0.01}"
    )
    finished = train(tmp_path, f"schedule={schedule}", "optimizer.lr=0.8", "training.epochs=40")
    got = columns(finished.run)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.8)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, patience=1, factor=0.5, threshold=0.01, cooldown=1, min_lr=0.01
    )
    expected = []
    for loss in got["test_loss"]:
        expected.append(optimizer.param_groups[0]["lr"])
        scheduler.step(loss)
    assert got["lr"] == pytest.approx(expected)
    assert len(set(got["lr"])) > 3
    assert min(got["lr"]) >= 0.01


def test_a_plateau_of_accuracy_waits_for_it_to_rise(tmp_path: Path) -> None:
    schedule = "schedule={type: plateau, metric: train_accuracy, patience: 0, factor: 0.5}"
    got = rates(tmp_path, schedule, "optimizer.lr=1e-9", epochs=4)  # nothing moves
    assert got == pytest.approx([1e-9, 1e-9, 0.5e-9, 0.25e-9])


def test_a_plateau_counts_evaluations_not_epochs(tmp_path: Path) -> None:
    schedule = "schedule={type: plateau, patience: 0, factor: 0.5}"
    got = rates(tmp_path, schedule, "optimizer.lr=1e-9", "training.eval_every=2", epochs=8)
    assert got == pytest.approx([1e-9] * 4 + [0.5e-9] * 2 + [0.25e-9] * 2)


def test_the_rate_of_the_file_is_the_rate_of_the_step(tmp_path: Path) -> None:
    """A network of one weight and one sample: its path can be computed by hand."""
    (tmp_path / "one.csv").write_text("x,y\n1.0,2.0\n1.0,2.0\n")
    text = """\
data: {type: csv, path: one.csv, target: y, task: regression, standardize: false,
       test_fraction: 0.5}
model: {type: sequential, layers: [{type: linear, bias: false}], init: zeros}
optimizer: {type: sgd, lr: 0.1}
schedule: {type: exponential, factor: 0.5}
training: {epochs: 4, dtype: float64}
"""
    got = columns(train(tmp_path, text=text).run)
    weight, losses = 0.0, []
    for epoch in range(4):
        weight -= 0.1 * 0.5**epoch * 2 * (weight - 2)
        losses.append((weight - 2) ** 2)
    assert got["train_loss"] == pytest.approx(losses, rel=1e-12)
    assert got["test_loss"] == pytest.approx(losses, rel=1e-12)
