"""When a training ends, and with which weights."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from trainings import columns, distance, minidl, parameters, spec, train

from minidl.build import Experiment, prepare
from minidl.optim import clip_norm, clip_value
from minidl.store.run_folder import RunFolder
from minidl.train.stopping import Best, EarlyStopping, StopAt


def best_row(run: RunFolder, metric: str, *, highest: bool) -> tuple[int, dict[str, float]]:
    """The first row in which a metric is best: its index, and its metrics."""
    cells = columns(run)
    index = int((np.nanargmax if highest else np.nanargmin)(cells[metric]))
    return index, {k: v[index] for k, v in cells.items() if k.startswith(("train_", "test_"))}


# Early stopping.

STOPPING = "training.early_stopping={metric: test_loss, patience: 3}"
# A network that learns for some epochs; then the rate is so high that it forgets.
FORGETS = ("schedule={type: multistep, milestones: [[6, 1.5]]}", "training.clip_norm=1")
LEARNS = (
    "training.epochs=40", "optimizer.lr=0.3", "data.train=200", "model.init=he", *FORGETS
)  # fmt: skip


def test_early_stopping_waits_and_ends_with_the_best_weights(tmp_path: Path) -> None:
    finished = train(tmp_path, *LEARNS, STOPPING)
    run = finished.run
    record, cells = run.read_record(), columns(run)
    index, best = best_row(run, "test_loss", highest=False)
    assert finished.code == 0
    assert 2 < index < len(cells["epoch"]) - 1
    assert len(cells["epoch"]) == index + 1 + 3 == record.epochs
    assert record.reason == "test_loss has not improved for 3 evaluations"
    assert record.final == best
    assert {k: record.best[k] for k in best} == best
    assert (record.best["metric"], record.best["epoch"]) == ("test_loss", index + 1)
    assert record.weights == "best"
    assert "with the best weights" in finished.err


def test_a_metric_that_was_asked_for_can_stop_it_and_choose_the_weights(tmp_path: Path) -> None:
    stopping = "training.early_stopping={metric: test_f1, patience: 3}"
    run = train(tmp_path, *LEARNS, stopping, "training.metrics=[f1]").run
    index, best = best_row(run, "test_f1", highest=True)
    assert 0 < index < len(columns(run)["epoch"]) - 1
    assert run.read_record().final == best


def test_a_metric_that_is_undefined_is_left_empty_and_stops_nothing(tmp_path: Path) -> None:
    rows = "".join(f"{n},{'no' if n % 2 else 'yes'}\n" for n in range(20))
    (tmp_path / "train.csv").write_text(f"x,y\n{rows}")
    (tmp_path / "test.csv").write_text("x,y\n3,no\n5,no\n")
    files = f"path: {tmp_path}/train.csv, test_path: {tmp_path}/test.csv"
    data = f"data={{type: csv, {files}, target: y}}"
    finished = train(tmp_path, data, "loss=bce_with_logits", "training.metrics=[roc_auc, f1]")
    cells = columns(finished.run)
    assert (finished.code, len(cells["epoch"])) == (0, 3)
    assert np.isnan(cells["test_roc_auc"]).all()
    assert not np.isnan(cells["train_roc_auc"]).any()
    assert not np.isnan(cells["test_f1"]).any()


def test_metrics_of_a_run_that_diverged_are_not_called_those_of_its_best_weights(
    tmp_path: Path,
) -> None:
    diverges = "schedule={type: multistep, milestones: [[3, 1e30]]}"
    finished = train(tmp_path, "training.epochs=9", diverges, STOPPING)
    record = finished.run.read_record()
    assert (finished.code, record.status, record.weights) == (1, "diverged", "best")
    assert "test loss" in finished.err
    assert "with the best weights" not in finished.err


def accuracy_of_predictions(run: RunFolder) -> float:
    arrays = run.read_predictions()
    return float(np.mean((arrays["test_output"][:, 0] >= 0.5) == arrays["test_target"]))


def test_predictions_and_predict_use_the_best_weights(tmp_path: Path) -> None:
    run = train(tmp_path, *LEARNS, STOPPING.replace("test_loss", "test_accuracy")).run
    _, best = best_row(run, "test_accuracy", highest=True)
    assert columns(run)["test_accuracy"][-1] < best["test_accuracy"]
    assert accuracy_of_predictions(run) == best["test_accuracy"]
    arrays, table = run.read_predictions(), tmp_path / "rows.csv"
    rows = [f"{x!r},{y!r}" for x, y in arrays["test_input"].tolist()]
    table.write_text("\n".join(["x1,x2", *rows]) + "\n")
    predicted = minidl("predict", run.path, table).out.splitlines()[1:]
    right = [
        line.split(",")[1] == ("inside" if target else "outside")
        for line, target in zip(predicted, arrays["test_target"], strict=True)
    ]
    assert np.mean(right) == best["test_accuracy"]


def test_without_restore_best_the_last_weights_stay(tmp_path: Path) -> None:
    keep = STOPPING.replace("}", ", restore_best: false}")
    run = train(tmp_path, *LEARNS, keep).run
    record, cells = run.read_record(), columns(run)
    assert record.weights == "last"
    assert record.final["test_loss"] == cells["test_loss"][-1] > min(cells["test_loss"])
    assert record.best["test_loss"] == min(cells["test_loss"])
    assert accuracy_of_predictions(run) == cells["test_accuracy"][-1]


def test_early_stopping_that_never_strikes_still_restores_the_best(tmp_path: Path) -> None:
    patient = STOPPING.replace("3", "1000")
    run = train(tmp_path, *LEARNS, patient).run
    record = run.read_record()
    assert (record.epochs, record.reason) == (40, None)
    assert record.final == best_row(run, "test_loss", highest=False)[1]


def rows(metric: str, *values: float | None) -> list[dict[str, float | None]]:
    return [{"epoch": i, metric: value} for i, value in enumerate(values, 1)]


def stopped_at(
    observer: EarlyStopping | StopAt, given: list[dict[str, float | None]]
) -> int | None:
    """The first epoch after which the observer gives a reason to stop."""
    return next((int(row["epoch"] or 0) for row in given if observer(row)), None)


@pytest.mark.parametrize(
    ("metric", "values", "epoch"),
    [
        ("test_loss", [3, 2, 2, 2], 4),  # equal is no improvement
        ("test_loss", [3, 2, 2, 1.9, 2], None),  # each improvement starts the count anew
        ("test_loss", [3, None, None, None, 3, None, 3], 7),  # epochs without evaluation
        ("test_accuracy", [0.5, 0.6, 0.5, 0.6], 4),
        ("test_accuracy", [0.5, 0.6, 0.7, 0.8], None),
        ("train_r2", [-5, -4, -4.5, -4.2], 4),
    ],
)
def test_patience_counts_evaluations_without_improvement(
    metric: str, values: list[float | None], epoch: int | None
) -> None:
    assert stopped_at(EarlyStopping(metric, patience=2), rows(metric, *values)) == epoch


def test_min_delta_is_the_least_change_that_counts() -> None:
    given = rows("test_loss", 1.0, 0.95, 0.9, 0.85, 0.8)
    assert stopped_at(EarlyStopping("test_loss", 2, min_delta=0.2), given) == 3
    # Changes add up: each is compared with the best value, not with the one before.
    assert stopped_at(EarlyStopping("test_loss", 2, min_delta=0.09), given) is None


def test_min_delta_decides_when_to_stop_but_not_which_weights_are_best(tmp_path: Path) -> None:
    large = STOPPING.replace("}", ", min_delta: 99}")
    run = train(tmp_path, "training.epochs=9", "optimizer.lr=0.3", large).run
    record, cells = run.read_record(), columns(run)
    assert record.epochs == 4  # none after the first improves by so much
    index, best = best_row(run, "test_loss", highest=False)
    assert index > 0
    assert (record.best["epoch"], record.final) == (index + 1, best)
    assert accuracy_of_predictions(run) == cells["test_accuracy"][index]


def test_the_best_of_nan_is_never_nan() -> None:
    best = Best("test_loss")
    for row in rows("test_loss", math.nan, math.inf, 3.0, math.nan):
        best(row)
    assert best.value == 3.0


# Stop at.


@pytest.mark.parametrize(
    ("metric", "values", "epoch"),
    [
        ("test_accuracy", [0.5, 0.89, 0.9, 0.99], 3),
        ("test_loss", [2.0, math.nan, 0.91, 0.89], 4),
        ("test_loss", [2.0, None, 1.0], None),
        ("test_r2", [-2.0, 0.95], 2),
    ],
)
def test_stop_at_waits_for_the_value_or_better(
    metric: str, values: list[float | None], epoch: int | None
) -> None:
    assert stopped_at(StopAt(metric, 0.9), rows(metric, *values)) == epoch


def test_a_run_stops_at_its_goal(tmp_path: Path) -> None:
    goal = "training.stop_at={metric: train_accuracy, value: 0.8}"
    finished = train(tmp_path, "training.epochs=500", "data.train=200", "optimizer.lr=0.5", goal)
    accuracies = columns(finished.run)["train_accuracy"]
    record = finished.run.read_record()
    assert accuracies[-1] >= 0.8 > max(accuracies[:-1])
    assert record.status == "done"
    assert record.reason == f"train_accuracy reached {accuracies[-1]:.6g}"
    assert record.epochs == len(accuracies) < 500
    assert record.final["train_accuracy"] == accuracies[-1]


# Evaluation.


def test_epochs_without_evaluation_have_empty_cells(tmp_path: Path) -> None:
    run = train(tmp_path, "training.epochs=7", "training.eval_every=3").run
    lines = [line.split(",") for line in run.metrics_path.read_text().splitlines()]
    header = "epoch,step,lr,train_loss,train_accuracy,test_loss,test_accuracy,seconds"
    assert lines[0] == header.split(",")
    evaluated = [line[0] for line in lines[1:] if all(line[3:7])]
    assert evaluated == ["3", "6", "7"]  # the last epoch always
    assert all(line[3:7] == [""] * 4 for line in lines[1:] if line[0] not in evaluated)
    every = columns(train(tmp_path, "training.epochs=7").run)
    assert columns(run)["test_loss"][5] == every["test_loss"][5]
    assert run.read_record().final["test_loss"] == every["test_loss"][6]


def test_metrics_of_a_regression(tmp_path: Path) -> None:
    run = train(tmp_path, "data=noisy_sine").run
    header = run.metrics_path.read_text().splitlines()[0].split(",")
    names = ["loss", "mse", "mae", "r2"]
    assert header[3:-1] == [f"{part}_{name}" for part in ("train", "test") for name in names]


def test_dropout_is_off_in_evaluation_unless_asked_for(tmp_path: Path) -> None:
    still = ("optimizer.lr=1e-30", "model.dropout=0.5", "training.epochs=4", "data.test=500")
    losses = columns(train(tmp_path, *still).run)["test_loss"]
    assert len(set(losses)) == 1
    plain = columns(train(tmp_path, *still, "model.dropout=0").run)["test_loss"]
    assert plain == losses
    noisy = columns(train(tmp_path, *still, "training.evaluate_in=train").run)["test_loss"]
    assert len(set(noisy)) == 4


def test_steps_and_epochs_are_counted(tmp_path: Path) -> None:
    cells = columns(train(tmp_path, "training.epochs=4").run)
    assert cells["epoch"] == [1, 2, 3, 4]
    assert cells["step"] == [3, 6, 9, 12]
    dropped = columns(train(tmp_path, "training.drop_last=true").run)
    assert dropped["step"] == [2, 4, 6]


# Divergence.


def test_divergence_in_the_first_epoch(tmp_path: Path, plots: None) -> None:
    finished = train(tmp_path, "optimizer.lr=1e30", "training.epochs=9")
    run = finished.run
    record = run.read_record()
    assert finished.code == 1
    assert (record.status, record.reason) == ("diverged", "NaN or infinity in epoch 1")
    assert "diverged (NaN or infinity in epoch 1)" in finished.err
    assert record.epochs == len(run.read_columns()["epoch"]) == 1
    assert not run.has_checkpoint("last")
    assert not run.has_checkpoint("best")
    assert minidl("predict", run.path, tmp_path / "absent.csv").code == 2


def test_divergence_later_keeps_the_best_weights_and_draws_the_curves(
    tmp_path: Path, plots: None
) -> None:
    explodes = "schedule={type: multistep, milestones: [[4, 1e30]]}"
    finished = train(tmp_path, "training.epochs=9", "training.checkpoint_every=1", explodes)
    run = finished.run
    record, cells = run.read_record(), columns(run)
    assert finished.code == 1
    assert record.reason == "NaN or infinity in epoch 5"
    assert len(cells["epoch"]) == 5
    index, _ = best_row(run, "test_loss", highest=False)
    assert index < 4
    assert record.best["epoch"] == index + 1
    assert record.weights == "best"
    tensors, state = run.load_checkpoint("best")
    assert state["finished"] == index + 1
    assert tensors["parameters"].isfinite().all()
    assert run.load_checkpoint("last")[1]["finished"] == 4  # that of the last sound epoch
    assert run.plot_path("loss").exists()
    assert "nan" in run.metrics_path.read_text().splitlines()[-1]
    table = tmp_path / "rows.csv"
    table.write_text("x1,x2\n0.5,0.5\n")
    assert minidl("predict", run.path, table).code == 0


def test_divergence_is_noticed_in_an_epoch_without_evaluation(tmp_path: Path) -> None:
    finished = train(tmp_path, "optimizer.lr=1e30", "training.eval_every=5", "training.epochs=9")
    assert finished.run.read_record().reason == "NaN or infinity in epoch 1"


# Clipping, as a part of training.


def one_step(*overrides: str) -> Experiment:
    experiment = prepare(spec("training.dtype=float64", "optimizer.lr=1.0", *overrides))[1]
    with torch.inference_mode():
        experiment.trainer.step(*next(iter(experiment.trainer.batches)))
    return experiment


def test_gradients_are_clipped_before_the_step() -> None:
    start = parameters(prepare(spec("training.dtype=float64"))[1])
    plain = start - parameters(one_step())
    norm, largest = plain.norm().item(), plain.abs().max().item()
    by_norm = start - parameters(one_step(f"training.clip_norm={norm / 4!r}"))
    assert distance(by_norm, plain / 4) < 1e-5  # the 1e-6 beside the norm, as PyTorch has it
    by_value = start - parameters(one_step(f"training.clip_value={largest / 4!r}"))
    assert distance(by_value, plain.clamp(-largest / 4, largest / 4)) < 1e-12
    both = start - parameters(
        one_step(f"training.clip_value={largest / 4!r}", f"training.clip_norm={norm / 100!r}")
    )
    assert both.norm().item() == pytest.approx(norm / 100, rel=1e-3)
    assert distance(both / both.norm(), by_value / by_value.norm()) < 1e-12  # value first
    untouched = start - parameters(one_step(f"training.clip_norm={2 * norm!r}"))
    assert distance(untouched, plain) < 1e-12


def test_clipping_is_what_the_optimizers_module_does() -> None:
    experiment = one_step("training.clip_norm=0.01")
    flat = experiment.trainer.optimizer.flat
    clipped = flat.grad.clone()
    clip_norm(flat, 1e9)
    clip_value(flat, 1e9)
    assert torch.equal(flat.grad, clipped)
    assert flat.grad.norm().item() == pytest.approx(0.01, rel=1e-3)


def test_clipping_keeps_a_training_from_diverging(tmp_path: Path) -> None:
    wild = ("data=noisy_sine", "optimizer.lr=3", "training.epochs=30", "model.hidden=[30, 30]")
    assert train(tmp_path, *wild).run.status == "diverged"
    assert train(tmp_path, *wild, "training.clip_norm=0.01").run.status == "done"
