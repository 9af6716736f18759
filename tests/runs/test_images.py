"""Runs whose targets are images: PSNR, noise-to-noise, and what the folder keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from trainings import built, spec

from minidl import nn
from minidl.build import prepare
from minidl.data.encoding import Encoding
from minidl.runs.execute import execute
from minidl.spec import Spec
from minidl.store.run_folder import RunFolder
from minidl.train.evaluation import CHUNK_NUMBERS, Evaluator, Part, chunk_size, predict

DENOISER = """\
data: {type: photo_patches, train: 40, test: 12, size: 8}
model:
  type: sequential
  layers:
    - {type: conv2d, out_channels: 6, stride: 2, padding: 1}
    - relu
    - {upsampling: 3}
    - sigmoid
  init: xavier
optimizer: {type: sgd, lr: 0.5, momentum: 0.9}
training: {epochs: 3, batch_size: 16}
"""


def denoiser(*overrides: str) -> Spec:
    return spec(*overrides, text=DENOISER)


def run(folder: Path, *overrides: str) -> RunFolder:
    execute(denoiser("device=cpu", *overrides), runs_dir=folder, name="run", overwrite=True)
    return RunFolder.open(folder / "run")


# PSNR ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [1, 7, 50])
def test_psnr_is_that_of_each_image_averaged(samples: int) -> None:
    """Against NumPy, on more images than are evaluated at once."""
    network = nn.Sequential(nn.Conv2d(2, 2, 1)).to(dtype=torch.float64)
    network.initialize("xavier", seed=1)
    size = 64  # 16 images make a chunk
    x, target, clean = torch.rand(3, samples, 2, size, size, dtype=torch.float64)
    assert chunk_size(x) == CHUNK_NUMBERS // (2 * size**2) == 16
    evaluator = Evaluator(network, nn.MSELoss(), Encoding.of_images((2, size, size)))
    measured = evaluator(Part(x, target, clean))
    output = predict(network, x).numpy()
    mse = ((output - clean.numpy()) ** 2).mean((1, 2, 3))
    assert measured["psnr"] == pytest.approx(np.mean(10 * np.log10(1 / mse)), rel=1e-12)
    assert measured["loss"] == pytest.approx(((output - target.numpy()) ** 2).mean(), rel=1e-12)


def test_an_exact_image_has_100_db_and_one_that_is_no_number_none() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1)).to(dtype=torch.float64)
    network.flatten().data.copy_(torch.tensor([1.0, 0.0]))
    evaluator = Evaluator(network, nn.MSELoss(), Encoding.of_images((1, 4, 4)))
    x = torch.rand(5, 1, 4, 4, dtype=torch.float64)
    assert evaluator(Part(x, x, x))["psnr"] == pytest.approx(100, rel=1e-12)
    assert np.isnan(evaluator(Part(x * torch.nan, x, x))["psnr"])


# Trainings -------------------------------------------------------------------------------------


def test_a_denoiser_learns_and_its_folder_says_how_well(tmp_path: Path) -> None:
    folder = run(tmp_path, "training.epochs=25", "data.train=160")
    table = folder.read_columns()
    assert list(table)[3:-1] == ["train_loss", "train_psnr", "test_loss", "test_psnr"]
    assert table["test_psnr"][-1] > table["test_psnr"][0] + 2
    record = folder.read_record()
    assert (record.task, record.output_shape) == ("images", [3, 8, 8])
    kept = folder.read_predictions()
    assert kept["test_psnr"].shape == kept["test_input_psnr"].shape == (12,)
    assert kept["test_psnr"].mean() == pytest.approx(table["test_psnr"][-1], abs=1e-4)
    order = kept["test_psnr"][kept["test_image_index"]]
    assert (np.diff(order) >= 0).all()
    assert order[[0, -1]] == pytest.approx([kept["test_psnr"].min(), kept["test_psnr"].max()])
    for part in ("input", "output", "target"):
        assert kept[f"test_image_{part}"].shape == (8, 3, 8, 8)
    errors = kept["test_image_output"] - kept["test_image_target"]
    np.testing.assert_allclose(-10 * np.log10((errors**2).mean((1, 2, 3))), order, atol=1e-4)


def test_noise_to_noise_is_measured_on_clean_images(tmp_path: Path) -> None:
    """The loss has the targets' noise in it, σ² = 0.04; PSNR hasn't."""
    table = run(tmp_path, "data.target=noisy", "data.test=200").read_columns()
    loss, psnr = table["test_loss"][-1], table["test_psnr"][-1]
    assert loss > 0.04
    assert 10 ** (-psnr / 10) < loss - 0.03
    kept = RunFolder.open(tmp_path / "run").read_predictions()
    assert 0 <= kept["test_image_target"].min() < kept["test_image_target"].max() <= 1


def test_psnr_stops_and_slows_a_training_as_it_grows() -> None:
    experiment = built(
        "training.epochs=4",
        "schedule={type: plateau, metric: test_psnr, patience: 0, threshold: 10.0, factor: 0.5}",
        text=DENOISER,
    )
    rates = [epoch.lr for epoch in experiment.trainer]
    assert rates == [0.5, 0.5, 0.25, 0.125]  # no epoch after the first has ten times its PSNR


def test_it_stops_at_a_psnr(tmp_path: Path) -> None:
    record = run(tmp_path, "training.stop_at={metric: test_psnr, value: 1.0}").read_record()
    assert record.epochs == 1
    assert "test_psnr reached" in str(record.reason)
    early = "training.early_stopping={metric: test_psnr, patience: 1, min_delta: 99}"
    record = run(tmp_path, early, "training.epochs=9").read_record()
    assert record.epochs == 2
    assert record.best["metric"] == "test_psnr"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_shipped_denoiser_takes_7_db_of_noise_off() -> None:
    """As PyTorch does: 22.5 dB of the whole part, from 15.7 (minidl bench configs/denoise.yaml)."""
    from minidl.spec import load_spec

    config = Path(__file__).parent.parent.parent / "configs" / "denoise.yaml"
    trainer = prepare(load_spec(config, ["device=cpu", "training.eval_every=10"]))[1].trainer
    last = list(trainer)[-1]
    assert -10 * np.log10(last.metrics["test_loss"]) > 22.3
    assert last.metrics["test_psnr"] > 25.5
