"""Running statistics go wherever weights go: checkpoints, predictions, members of stacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from trainings import built, data_of, distance, spec

from minidl.build import build
from minidl.execute import execute, prepare
from minidl.inference import TrainedRun

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
    assert trained.record["weights"] == weights
    got = trained.outputs(data_of(one).test.inputs)
    assert distance(got, folder.read_predictions()["test_output"]) < 1e-12
    accuracy = np.mean(got.argmax(1) == data_of(one).test.targets)
    assert accuracy == pytest.approx(trained.record["final"]["test_accuracy"], abs=1e-12)


def test_a_member_of_a_stack_has_the_statistics_that_it_would_have_alone() -> None:
    specs = [spec(f"seed={seed}", text=TEXT) for seed in (3, 4)]
    stack = build(specs, [data_of(one) for one in specs]).trainer
    list(stack)
    for place, one in enumerate(specs):
        alone = prepare(one)[1].trainer
        list(alone)
        got, wanted = stack.weights(place), alone.weights()
        assert got.keys() == wanted.keys()
        assert len(got) == 5
        for name in got:
            assert distance(got[name], wanted[name]) < 1e-8, name


def test_a_member_goes_on_in_another_stack_with_its_statistics() -> None:
    specs = [spec(f"seed={seed}", text=TEXT) for seed in (3, 4)]
    stack = build(specs, [data_of(one) for one in specs]).trainer
    next(iter(stack))
    alone = prepare(specs[1])[1].trainer
    alone.restore(0, *stack.state(1))
    for name, values in stack.weights(1).items():
        assert torch.equal(alone.weights()[name], values), name


def test_evaluating_in_training_mode_teaches_the_statistics_nothing() -> None:
    trainer = built("training.evaluate_in=train", text=TEXT).trainer
    before = trainer.weights()
    trainer.evaluate()
    assert all(torch.equal(before[name], values) for name, values in trainer.weights().items())
