"""Running statistics go wherever weights go: checkpoints, predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from trainings import built, data_of, distance, spec

from minidl.runs.execute import execute
from minidl.runs.inference import TrainedRun

TEXT = """\
data: {type: digits, images: true, test_fraction: 0.9}
model:
  type: sequential
  layers: [{conv2d: 4}, batch_norm, relu, {residual: [batch_norm]}, global_avg_pool2d, linear]
loss: cross_entropy
optimizer: {type: adam, lr: 0.05}
training: {epochs: 4, batch_size: 32, dtype: float64}
"""


@pytest.mark.parametrize("weights", ["last", "best"])
def test_a_run_folder_predicts_with_the_statistics_of_its_weights(
    weights: str, tmp_path: Path
) -> None:
    stopping = "{metric: test_loss, patience: 1, min_delta: 0.2, restore_best: true}"
    changes = [f"training.early_stopping={stopping}"] if weights == "best" else []
    one = spec(*changes, text=TEXT)
    folder = execute(one, runs_dir=tmp_path, name="run").run.folder
    trained = TrainedRun.load(folder.path)
    assert trained.record.weights == weights
    got = trained.outputs(data_of(one).test.inputs)
    assert distance(got, folder.read_predictions()["test_output"]) < 1e-12
    accuracy = np.mean(got.argmax(1) == data_of(one).test.targets)
    assert accuracy == pytest.approx(trained.record.final["test_accuracy"], abs=1e-12)


def test_evaluating_in_training_mode_teaches_the_statistics_nothing() -> None:
    """Equal trainings, one of which is evaluated after each epoch, one at the end alone."""
    changes = ["training.evaluate_in=train", "training.epochs=3"]
    often, once = (built(*changes, every, text=TEXT).trainer for every in EVERY)
    last = [list(trainer)[-1] for trainer in (often, once)]
    assert last[0].metrics == last[1].metrics
    assert often.weights().keys() == once.weights().keys()
    for name, values in often.weights().items():
        assert torch.equal(values, once.weights()[name]), name


EVERY = ("training.eval_every=1", "training.eval_every=3")
