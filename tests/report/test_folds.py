"""What folds come to: they share most of what they train on, so they aren't independent."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from study_cases import curves, resolved, write_run

from minidl.report.members.collect import Member, collect
from minidl.report.members.groups import Group, Statistics, group_by
from minidl.report.members.paired import difference, resampled_t_test
from minidl.report.tables.document import Document
from minidl.report.tables.formats import as_csv, as_table
from minidl.report.tables.table import make_table
from minidl.report.tables.verdicts import verdict
from minidl.spec.report import ReportTable

SCORES = [0.91, 0.88, 0.95, 0.90, 0.93, 0.89, 0.94, 0.92, 0.87, 0.96]


def group(
    folder: Path, accuracies: Sequence[float | None], folds: int = 5, split: str = "random"
) -> Group:
    """Runs with these test accuracies, a fold each, repeated with the next seed; None diverged."""
    runs = []
    data = {"type": "csv", "path": "/t.csv", "target": "y", "test_fraction": None, "folds": folds}
    for index, accuracy in enumerate(accuracies):
        config = resolved(**{"optimizer.lr": 0.1 + len(folder.name) / 100})
        config |= {"seed": index // folds}
        by = {"type": split, "column": "day"} if split == "time" else {"type": split}
        config["data"] = {**data, "fold": index % folds + 1, "split": by}
        status = "diverged" if accuracy is None else "done"
        run = write_run(folder / str(index), config, curves(3), status=status)
        record = run.read_record()
        record.final = {"test_accuracy": accuracy, "test_loss": 1 - (accuracy or 0)}
        run.write_record(record)
        runs.append(Member.read(run, record))
    return Group({}, runs)


def corrected(values: Sequence[float], test_share: float) -> float:
    """Nadeau & Bengio's standard error, as their paper has it."""
    return math.sqrt((1 / len(values) + test_share) * np.var(values, ddof=1))


def test_the_standard_error_is_nadeau_and_bengio_s(tmp_path: Path) -> None:
    of = group(tmp_path / "a", SCORES).statistics("test_accuracy")
    assert of.sem == pytest.approx(corrected(SCORES, 1 / 4), rel=1e-12)
    assert of.std == pytest.approx(np.std(SCORES, ddof=1), rel=1e-12)
    assert of.ci95 == pytest.approx(stats.t.ppf(0.975, 9) * corrected(SCORES, 1 / 4), rel=1e-12)
    assert Statistics.of(SCORES).sem == pytest.approx(stats.sem(SCORES), rel=1e-12)
    assert math.isnan(Statistics.of([1.0], 0.25).sem)


def test_in_order_of_time_early_folds_have_less_to_train_on(tmp_path: Path) -> None:
    of = group(tmp_path / "a", SCORES[:5], split="time").statistics("test_accuracy")
    share = np.mean([1 / number for number in (1, 2, 3, 4, 5)])
    assert of.sem == pytest.approx(corrected(SCORES[:5], float(share)), rel=1e-12)


def test_runs_that_differ_by_fold_are_one_group(tmp_path: Path) -> None:
    group(tmp_path / "runs" / "a", SCORES)
    members = collect([tmp_path / "runs"]).members
    (only,) = group_by(members, None)
    assert (len(only.members), only.folds) == (10, 5)


def test_the_test_of_folds_is_the_corrected_t_test(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    others = [score - 0.02 + 0.02 * rng.normal() for score in SCORES]
    first, second = group(tmp_path / "a", SCORES), group(tmp_path / "bb", others)
    one = difference(first, second, "test_accuracy")
    differences = np.subtract(SCORES, others)
    t = differences.mean() / corrected(list(differences), 1 / 4)
    assert one.p == pytest.approx(2 * stats.t.sf(abs(t), 9), rel=1e-9)
    assert (one.n, one.folds) == (10, 5)
    assert "(10 folds, p = " in verdict(one, "a", "b")


def test_it_finds_no_difference_in_noise_as_often_as_the_level_says() -> None:
    """Of means that scatter as folds' do, with a shared part: the uncorrected test is far off."""
    rng = np.random.default_rng(1)
    shared = rng.normal(size=(4000, 1)) * math.sqrt(1 / 4)
    drawn = rng.normal(size=(4000, 10)) + shared
    found = np.mean([resampled_t_test(row, 1 / 4) <= 0.05 for row in drawn])
    assert found == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 4000))
    assert np.mean(stats.ttest_1samp(drawn, 0, axis=1).pvalue <= 0.05) > 0.15


def test_equal_folds_don_t_differ_and_those_that_all_do_surely_do() -> None:
    assert resampled_t_test(np.zeros(5), 0.25) == 1
    assert resampled_t_test(np.ones(5), 0.25) == 0


def test_folds_of_another_number_are_no_partners(tmp_path: Path) -> None:
    first, second = group(tmp_path / "a", SCORES), group(tmp_path / "bb", SCORES, folds=10)
    assert difference(first, second, "test_accuracy").n == 0


def test_a_diverged_fold_is_worse_than_any_other(tmp_path: Path) -> None:
    first = group(tmp_path / "a", SCORES)
    second = group(tmp_path / "bb", [None, *(score - 0.05 for score in SCORES[1:])])
    one = difference(first, second, "test_accuracy")
    assert one.diverged == (0, 1)
    assert one.better
    assert one.decided


def test_more_repeats_would_tell_and_where_they_never_would_nothing_is_said(
    tmp_path: Path,
) -> None:
    apart = [0.02, 0.01, 0.03, 0.0, -0.005]
    first = group(tmp_path / "a", SCORES[:5])
    second = group(tmp_path / "bb", [s - d for s, d in zip(SCORES, apart, strict=False)])
    one = difference(first, second, "test_accuracy")
    assert not one.decided
    assert one.seeds is None or "more repeat" in verdict(one, "a", "b")
    noisy = [0.2, -0.2, 0.21, -0.19, 0.01]
    third = group(tmp_path / "ccc", [s - d for s, d in zip(SCORES, noisy, strict=False)])
    assert difference(first, third, "test_accuracy").seeds is None


def test_the_report_has_the_standard_error_of_folds(tmp_path: Path) -> None:
    made = make_table(
        group(tmp_path / "a", SCORES).members, ReportTable(metrics=("test_accuracy",))
    )
    shown = as_table(Document("", [made]))
    assert "test accuracy ± SE (%)" in shown
    (row,) = csv.DictReader(io.StringIO(as_csv(made)))
    assert float(row["test_accuracy_sem"]) == pytest.approx(corrected(SCORES, 1 / 4), rel=1e-12)
    asked = ReportTable(metrics=("test_accuracy",), stats=("mean",))
    assert make_table(group(tmp_path / "bb", SCORES).members, asked).stats == ("mean",)
