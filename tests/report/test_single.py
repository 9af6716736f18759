"""The tables about one run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from trainings import minidl, plainly, train

from minidl.store.run_folder import RunFolder

CLASSES = ("data={type: spirals, train: 60, test: 40}", "loss=cross_entropy")


@plainly
def test_a_report_on_one_run_has_its_classes_and_what_it_confuses(tmp_path: Path) -> None:
    run = train(tmp_path, *CLASSES, "training.metrics=[f1_macro]").run
    made = json.loads(minidl("report", run.path, "--format", "json").out)["run"]
    arrays = run.read_predictions()
    truth, predicted = arrays["test_target"], arrays["test_output"].argmax(1)
    columns = precision_recall_fscore_support(truth, predicted, zero_division=0)
    for row, wanted in zip(made["classes"], zip(*columns, strict=True), strict=True):
        got = [row[key] for key in ("precision", "recall", "f1", "support")]
        assert got == pytest.approx(wanted, rel=1e-12)
    table = [row["predicted"] for row in made["confusion"]]
    assert table == confusion_matrix(truth, predicted).tolist()
    metrics = {row["metric"]: row for row in made["metrics"]}
    final = run.read_record().final
    assert metrics["f1_macro"] == {
        "metric": "f1_macro",
        "train": final["train_f1_macro"],
        "test": final["test_f1_macro"],
    }
    assert metrics["roc_auc"]["train"] is None  # wasn't asked for
    assert 0 <= metrics["roc_auc"]["test"] <= 1


@plainly
@pytest.mark.parametrize("format", ["table", "md", "latex", "html"])
def test_it_is_in_every_format_for_people(tmp_path: Path, format: str) -> None:
    run = train(tmp_path, *CLASSES).run
    text = minidl("report", run.path, "--format", format).out
    for words in ("Classes, test part", "Confusion matrix, test part", "ROC AUC", "support"):
        assert words in text


@plainly
def test_a_metric_of_the_predictions_is_a_column_of_any_report(tmp_path: Path) -> None:
    run = train(tmp_path, *CLASSES).run
    table = minidl("report", tmp_path / "runs", "--metric", "test_f1_macro", "--format", "csv").out
    head, row = table.splitlines()
    assert head.endswith("test_f1_macro_mean,test_f1_macro_std")
    assert float(row.split(",")[-2]) == run.read_record().measures["test_f1_macro"]
    assert "f1" not in minidl("report", tmp_path / "runs", "--format", "csv").out


@plainly
def test_predictions_that_are_damaged_are_a_note(tmp_path: Path) -> None:
    run = RunFolder(train(tmp_path, *CLASSES).run.path)
    run.predictions_path.write_bytes(b"PK")
    finished = minidl("report", run.path)
    assert finished.code == 0
    assert f"{run.predictions_path}: is damaged" in finished.out.replace("\n", " ")
