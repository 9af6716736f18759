"""What a training leaves behind: config, record, metrics, checkpoints, whatever ended it."""

from __future__ import annotations

import hashlib
import os
import signal
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from trainings import columns, distance, minidl, parameters, spec, text_of_metrics, train

from minidl.build import prepare
from minidl.data.batches import Batches
from minidl.errors import RestartWarning, WriteError
from minidl.runs.execute import execute
from minidl.signals import SIGNALS, Stopped, orderly_end
from minidl.spec import load_spec
from minidl.store import files, system
from minidl.store.run_folder import RunFolder
from minidl.train.evaluation import predict
from minidl.train.stop import Stop
from minidl.train.trainer import Trainer

FILES = {"config.yaml", "run.json", "metrics.csv", "checkpoints", "predictions.npz"}


def names(run: RunFolder) -> set[str]:
    return {path.name for path in run.path.iterdir()}


def test_a_run_folder_is_complete(tmp_path: Path, plots: None) -> None:
    run = train(tmp_path).run
    assert names(run) == {*FILES, "plots"}
    assert {p.name for p in (run.path / "checkpoints").iterdir()} == {
        "best.safetensors",
        "last.safetensors",
    }  # no previous one: it was the first
    assert {p.stem for p in (run.path / "plots").iterdir()} == {
        "loss",
        "accuracy",
        "data",
        "confusion_matrix",
        "decision_boundary",
        "output",
    }


def test_the_record_says_what_was_run_and_what_came_of_it(tmp_path: Path) -> None:
    before = datetime.now().astimezone().replace(microsecond=0)
    run = train(tmp_path, "loss=bce_with_logits", "seed=5", "name=a name").run
    record, cells = run.read_record(), columns(run)
    expected: dict[str, Any] = {
        "name": "a name",
        "status": "done",
        "reason": None,
        "seed": 5,
        "task": "classification",
        "class_names": ["outside", "inside"],
        "feature_names": ["x1", "x2"],
        "target_names": ["class"],
        "input_shape": [2],
        "outputs": 1,
        "decision": {"kind": "threshold", "at": 0.0},
        "parameters": 2 * 8 + 8 + 8 + 1,
        "weights": "last",
        "epochs": 3,
        "steps": 9,
        "device": "cpu",
        "threads": 1,
    }
    assert {key: getattr(record, key) for key in expected} == expected
    assert record.command[:2] == ["minidl", "train"]
    assert "seed=5" in record.command
    assert record.versions["torch"] == torch.__version__.partition("+")[0] or (
        record.versions["torch"] == torch.__version__
    )
    assert set(record.versions) >= {"python", "minidl", "numpy"}
    metrics = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    assert record.final == {name: cells[name][-1] for name in metrics}
    best = int(np.argmin(cells["test_loss"]))
    assert record.best["metric"] == "test_loss"
    assert record.best["epoch"] == best + 1
    assert all(record.best[name] == cells[name][best] for name in metrics)
    assert 0 < (record.train_seconds or 0) < (record.seconds or 0)
    assert record.train_seconds == run.read_columns()["seconds"][-1]
    started, ended = (datetime.fromisoformat(str(time)) for time in (record.started, record.ended))
    assert before <= started <= ended
    assert started.tzinfo is not None


def test_a_regression_has_no_classes_and_no_decision(tmp_path: Path) -> None:
    record = train(tmp_path, "data=noisy_sine").run.read_record()
    assert (record.task, record.class_names, record.decision) == ("regression", [], None)
    assert set(record.final) == {
        f"{part}_{name}" for part in ("train", "test") for name in ("loss", "mse", "mae", "r2")
    }


def test_the_config_of_a_run_gives_the_same_run(tmp_path: Path) -> None:
    table = tmp_path / "points.csv"
    rng = np.random.default_rng(0)
    rows = [f"{x:.3f},{y:.3f},{'up' if y > x else 'down'}" for x, y in rng.random((50, 2))]
    table.write_text("\n".join(["x,y,side", *rows]) + "\n")
    text = """\
data: {type: csv, path: points.csv, target: side}
model: {type: mlp, hidden: [8], dropout: 0.1}
loss: cross_entropy
training: {epochs: 5, batch_size: 7}
"""
    first = train(tmp_path, "optimizer.lr=0.5", "seed=3", text=text).run
    resolved = load_spec(first.config_path)
    assert resolved.device == "cpu"
    assert resolved.data.path == table
    assert resolved.data.sha256 == hashlib.sha256(table.read_bytes()).hexdigest()
    again = minidl("train", first.config_path, "--runs-dir", tmp_path / "elsewhere").run
    assert text_of_metrics(again) == text_of_metrics(first)
    assert again.config_path.read_bytes() == first.config_path.read_bytes()

    table.write_text(table.read_text().replace("up", "over"))
    changed = minidl("train", first.config_path, "--runs-dir", tmp_path / "third")
    assert changed.code == 2
    assert "points.csv: isn't the file that the config means: its SHA-256 differs" in changed.err
    assert not (tmp_path / "third").exists()


def test_a_hash_without_its_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "1,x\n2,y\n" * 9)
    text = f"data: {{type: csv, path: t.csv, target: b, test_sha256: '{'0' * 64}'}}\nmodel: mlp\n"
    finished = train(tmp_path, text=text)
    assert finished.code == 2
    assert "data.test_sha256: needs test_path" in finished.err


# Checkpoints.


def trained(*overrides: str) -> Trainer:
    trainer = prepare(spec(*overrides))[1].trainer
    list(trainer)
    return trainer


ADAM = ("optimizer={type: adam, amsgrad: true}", "model.dropout=0.5")


def test_the_last_checkpoint_is_the_trainers_state(tmp_path: Path) -> None:
    run = train(tmp_path, *ADAM).run
    tensors, state = run.load_checkpoint("last")
    trainer = trained(*ADAM)
    expected, numbers = trainer.state()
    assert set(tensors) == set(expected)
    assert {
        "parameters",
        "order",
        "optimizer.m",
        "optimizer.v",
        "statistics.dropout_1.step",
    } <= set(tensors)
    assert all(torch.equal(tensors[name], expected[name]) for name in expected)
    assert state["finished"] == 3
    assert state["optimizer_steps"] == trainer.optimizer.steps == 9
    for key in numbers.keys() - {"train_seconds"}:
        assert state[key] == numbers[key]
    assert state["best"] == {"finished": 3}  # whose weights are the present ones


def test_the_best_checkpoint_holds_the_weights_of_the_best_epoch(tmp_path: Path) -> None:
    worse_later = "schedule={type: multistep, milestones: [[2, 5.0]]}"
    run = train(tmp_path, "training.epochs=5", worse_later).run
    losses = columns(run)["test_loss"]
    best = int(np.nanargmin(losses)) + 1
    assert best < 5
    tensors, state = run.load_checkpoint("best")
    assert state["finished"] == best == run.read_record().best["epoch"]
    shorter = prepare(spec(f"training.epochs={best}", worse_later))[1]
    list(shorter.trainer)
    assert torch.equal(tensors["parameters"], parameters(shorter))


def test_the_predictions_are_those_of_the_last_weights(tmp_path: Path) -> None:
    run = train(tmp_path).run
    experiment = prepare(spec())[1]
    list(experiment.trainer)
    arrays = run.read_predictions()
    for name, part in experiment.trainer.parts.items():
        assert distance(arrays[f"{name}_output"], predict(experiment.network, part.inputs)) < 1e-6
        assert (arrays[f"{name}_target"] == part.labels.numpy()).all()


def test_checkpoints_are_written_every_so_many_epochs(tmp_path: Path) -> None:
    seen: list[tuple[float, int | None]] = []

    def look(row: Any) -> None:
        run = RunFolder(tmp_path / "watched")
        saved = run.load_checkpoint("last")[1] if run.has_checkpoint("last") else {}
        seen.append((row["epoch"], saved.get("finished")))

    one = spec("training.epochs=6", "training.checkpoint_every=2")
    execute(one, runs_dir=tmp_path, name="watched", observers=[look])
    assert seen == [(1, None), (2, None), (3, 2), (4, 2), (5, 4), (6, 4)]


# What ends a run from outside.


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_a_run_after_its_epoch(number: signal.Signals, tmp_path: Path) -> None:
    handlers = [signal.getsignal(one) for one in SIGNALS]

    def send(row: Any) -> None:
        if row["epoch"] == 3:
            signal.raise_signal(number)

    one = spec("training.epochs=50")
    outcome = execute(one, runs_dir=tmp_path, name="run", observers=[send])
    assert outcome.exit_code == 128 + number
    assert [signal.getsignal(one) for one in SIGNALS] == handlers
    run = RunFolder.open(tmp_path / "run")
    record = run.read_record()
    assert (record.status, record.reason) == ("interrupted", f"by {number.name}")
    assert (record.epochs, record.steps) == (3, 9)
    assert columns(run)["epoch"] == [1, 2, 3]
    assert run.load_checkpoint("last")[1]["finished"] == 3
    assert record.final["test_loss"] == columns(run)["test_loss"][-1]


def test_a_signal_cuts_off_an_epoch_that_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unfinished epoch leaves no trace in rows, record and checkpoint."""
    epochs, order = [0], Batches.order

    def stopped(self: Batches, out: torch.Tensor | None = None) -> torch.Tensor:
        epochs[0] += 1
        if epochs[0] == 3:
            signal.raise_signal(signal.SIGTERM)
        return order(self, out)

    monkeypatch.setattr(Stop, "patience", -1.0)
    monkeypatch.setattr(Batches, "order", stopped)
    one = spec("training.epochs=50", "training.checkpoint_every=1")
    outcome = execute(one, runs_dir=tmp_path, name="run")
    run = RunFolder.open(tmp_path / "run")
    assert outcome.exit_code == 143
    assert columns(run)["epoch"] == [1, 2]
    assert (run.read_record().epochs, run.read_record().steps) == (2, 6)
    tensors, state = run.load_checkpoint("last")
    assert state["finished"] == 2
    assert torch.equal(tensors["parameters"], parameters_after(2))


def parameters_after(epochs: int) -> torch.Tensor:
    experiment = prepare(spec("training.epochs=50"))[1]
    for epoch in experiment.trainer:
        if epoch.number == epochs:
            break
    return parameters(experiment)


def test_a_second_signal_ends_at_once() -> None:
    asked: list[int] = []
    with orderly_end(lambda: asked.append(1)):
        signal.raise_signal(signal.SIGINT)
        assert asked == [1]
        with pytest.raises(Stopped, match="by SIGINT"):
            signal.raise_signal(signal.SIGINT)
    assert asked == [1]


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """`nohup minidl train …` goes on when the terminal closes."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with orderly_end(lambda: pytest.fail("was asked to stop")) as received:
            signal.raise_signal(signal.SIGHUP)
        assert received.signal is None
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_disk_that_fails_ends_the_run_as_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = files.append

    def full(path: Any, text: str) -> None:
        if "\n3," in text or text.startswith("3,"):
            raise WriteError(f"{os.fspath(path)}: can't be written: no space left on device")
        append(path, text)

    monkeypatch.setattr(files, "append", full)
    finished = train(tmp_path, options=("--name", "full"))
    run = RunFolder.open(tmp_path / "runs" / "full")
    assert finished.code == 1
    assert finished.out == ""
    assert finished.err.splitlines()[-1].endswith(
        "metrics.csv: can't be written: no space left on device;"
        f" once that is fixed, `minidl resume {run.path}` goes on"
    )
    assert "Traceback" not in finished.err
    assert run.status == "failed"
    assert run.read_record().reason.endswith("no space left on device")
    assert columns(run)["epoch"] in ([1], [1, 2])  # the second may wait for the third
    monkeypatch.setattr(files, "append", append)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RestartWarning)  # it failed before the first checkpoint
        assert minidl("resume", run.path).code == 0
    assert columns(run)["epoch"] == [1, 2, 3]


def test_the_rows_of_a_run_that_diverges_are_on_the_disk_before_its_record_stands_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: dict[int, str] = {}
    forced: list[str] = []
    disk = system.disk

    def watched(operation: Any, *arguments: Any, **options: Any) -> Any:
        result = disk(operation, *arguments, **options)
        if operation is os.open:
            opened[result] = Path(arguments[0]).name
        elif operation is os.fsync:
            forced.append(opened[arguments[0]])
        elif operation is os.replace:
            forced.append(Path(arguments[1]).name)
        return result

    monkeypatch.setattr(system, "disk", watched)
    assert train(tmp_path, "optimizer.lr=1e30", options=("--name", "run")).code == 1
    ends = [n for n, name in enumerate(forced) if name == "run.json"]
    assert "metrics.csv" in forced[ends[0] : ends[-1]]
