"""What run.json says at the end of a run, whatever it was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import sklearn.metrics as theirs
from trainings import plainly, train

from minidl.probabilities import probabilities
from minidl.scores import OF_COUNTS, OF_NUMBERS, OF_PROBABILITIES, OF_RANKS

WITH_VALIDATION = "data={type: disk, train: 40, validation: 20, test: 24}"


def names(part: str, *kinds: tuple[str, ...]) -> set[str]:
    return {f"{part}_{name}" for kind in kinds for name in kind}


@plainly
def test_all_that_fits_is_measured_of_the_predictions(tmp_path: Path) -> None:
    run = train(tmp_path, WITH_VALIDATION, "loss=bce_with_logits").run
    found, arrays = run.read_record().measures, run.read_predictions()
    kinds = (OF_COUNTS, OF_PROBABILITIES, OF_RANKS)
    assert found.keys() == names("val", *kinds) | names("test", *kinds)
    for part in ("val", "test"):
        labels, output = arrays[f"{part}_target"], arrays[f"{part}_output"].astype(float)
        p = probabilities(output, "bce_with_logits")
        assert p is not None
        assert found[f"{part}_f1"] == theirs.f1_score(labels, output[:, 0] >= 0)
        wanted = theirs.roc_auc_score(labels, p[:, 1])
        assert found[f"{part}_roc_auc"] == pytest.approx(wanted, rel=1e-12)
        wanted = theirs.log_loss(labels, p)
        assert found[f"{part}_log_loss"] == pytest.approx(wanted, rel=1e-12)


@plainly
def test_a_regression_is_measured_in_the_units_of_its_targets(tmp_path: Path) -> None:
    data = ["data={type: noisy_sine, train: 40, test: 24}", "training.metrics=[rmse]"]
    run = train(tmp_path, *data).run
    record, arrays = run.read_record(), run.read_predictions()
    asked = {"test_rmse"}
    assert record.measures.keys() == names("test", OF_NUMBERS) - asked
    wanted = theirs.median_absolute_error(arrays["test_target"], arrays["test_output"])
    assert record.measures["test_median_error"] == pytest.approx(wanted, rel=1e-12)
    assert record.final["test_rmse"] == pytest.approx(record.final["test_mse"] ** 0.5)


@plainly
def test_they_are_those_of_the_weights_that_were_kept(tmp_path: Path) -> None:
    stopping = "training.early_stopping={metric: test_accuracy, patience: 1}"
    run = train(tmp_path, stopping, "training.epochs=9", "training.metrics=[f1_macro]").run
    record, arrays = run.read_record(), run.read_predictions()
    assert record.weights == "best"
    wanted = theirs.balanced_accuracy_score(arrays["test_target"], arrays["test_output"] >= 0.5)
    assert record.measures["test_balanced_accuracy"] == pytest.approx(wanted, rel=1e-12)


@plainly
def test_images_have_none(tmp_path: Path) -> None:
    data = "data={type: photo_patches, train: 4, test: 2, size: 8, noise: {gaussian: 0.2}}"
    model = "model={sequential: [{type: conv2d, out_channels: 3, kernel_size: 3, padding: 1}]}"
    run = train(tmp_path, data, model).run
    assert run.read_record().measures == {}
