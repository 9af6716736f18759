"""Which of two groups is better, and how sure that is."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import wilcoxon
from study_cases import curves, resolved, write_run

from minidl.report.members.collect import Member
from minidl.report.members.groups import Group, Statistics
from minidl.report.members.paired import (
    Difference,
    against_the_best,
    difference,
    holm,
    seeds_needed,
    sign_flip_test,
)
from minidl.report.tables.compare import compare
from minidl.report.tables.compare_formats import as_json, as_table
from minidl.report.tables.verdicts import verdict


def group(folder: Path, accuracies: Sequence[float | None], first_seed: int = 0) -> Group:
    """Runs with these test accuracies, one per seed; None diverged."""
    runs = []
    for seed, accuracy in enumerate(accuracies, first_seed):
        path = folder / str(seed)
        config = resolved(**{"optimizer.lr": 0.1 + len(folder.name) / 100}) | {"seed": seed}
        status = "diverged" if accuracy is None else "done"
        run = write_run(path, config, curves(3), status=status)
        record = run.read_record()
        record.final = {"test_accuracy": accuracy, "test_loss": 1 - (accuracy or 0)}
        run.write_record(record)
        runs.append(Member.read(run, record))
    return Group({}, runs)


def test_the_exact_test_counts_sign_flips_as_large_as_what_was_seen() -> None:
    differences = np.array([0.3, -0.1, 0.4, 0.2])
    sums = [
        abs(sum(sign * d for sign, d in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=4)
    ]
    as_large = sum(one >= 0.8 - 1e-9 for one in sums)
    assert sign_flip_test(differences) == as_large / 16
    assert sign_flip_test(np.zeros(5)) == 1


def test_p_doesn_t_depend_on_the_unit() -> None:
    differences = np.random.default_rng(0).normal(size=9)
    for scale in (1e-300, 1e-9, 1e9, 1e300):
        assert sign_flip_test(differences * scale) == sign_flip_test(differences)


def test_many_pairs_are_tested_by_flips_drawn_once_for_all() -> None:
    differences = np.random.default_rng(1).normal(0.4, 1, size=30)
    p = sign_flip_test(differences)
    assert p == sign_flip_test(differences)
    assert p == pytest.approx(wilcoxon(differences).pvalue, abs=0.03)
    assert sign_flip_test(np.ones(40)) == 1 / 2**14


def test_a_difference_is_of_the_runs_that_share_a_seed(tmp_path: Path) -> None:
    first = group(tmp_path / "a", [0.9, 0.8, 0.7])
    second = group(tmp_path / "bb", [0.7, 0.6, 0.1], first_seed=1)
    one = difference(first, second, "test_accuracy")
    assert (one.n, one.unpaired) == (2, 2)
    assert one.of.mean == pytest.approx(0.1)


def test_what_else_differs_within_a_group_is_paired_too(tmp_path: Path) -> None:
    narrow, wide = ([group(tmp_path / f"{x}{y}", [0.7, 0.8, 0.9]) for y in "ab"] for x in "nw")
    for index, part in enumerate([*narrow, *wide]):
        for member in part.members:
            member.settings["model.hidden"] = f"[{index % 2}]"
            member.settings["optimizer.lr"] = index // 2
    first, second = (Group({}, [*a.members, *b.members]) for a, b in (narrow, wide))
    one = difference(first, second, "test_accuracy")
    assert (one.n, one.by_seed, one.of.std) == (6, False, 0)


def test_a_diverged_run_is_worse_than_any_other(tmp_path: Path) -> None:
    steady = group(tmp_path / "a", [0.6, 0.61, 0.62, 0.6, 0.6, 0.6, 0.6, 0.6])
    shaky = group(tmp_path / "bb", [None] * 8)
    for metric in ("test_accuracy", "test_loss"):
        for one, better in (
            (difference(steady, shaky, metric), True),
            (difference(shaky, steady, metric), False),
        ):
            assert (one.decided, one.better, one.of.n) == (True, better, 0)
    mixed = group(tmp_path / "ccc", [0.7, None, None, None, None, None, None, None])
    assert difference(steady, mixed, "test_accuracy").p == pytest.approx(
        wilcoxon([-1, *[2] * 7], method="exact").pvalue, abs=0.01
    )
    said = verdict(difference(steady, shaky, "test_accuracy"), "steady", "shaky")
    assert said.startswith("steady beats shaky")
    assert "shaky diverged in 8" in said


def test_more_seeds_are_counted_for_the_level_that_holm_asks_of_each() -> None:
    of = Statistics(10, mean=0.02, std=0.03)
    alone = Difference("test_loss", of, 10, True, (0, 0), 0, 0.06, seeds_needed(of))
    many = holm([alone] * 15)
    assert many[0].seeds == seeds_needed(of, 0.05 / 15)
    assert (many[0].seeds or 0) > 1.5 * (alone.seeds or 0)
    assert holm([alone])[0].seeds == alone.seeds


def test_holm_adjusts_for_how_many_there_are() -> None:
    made = [
        Difference("test_loss", Statistics(10), 10, True, (0, 0), 0, p, None)
        for p in (0.01, 0.04, 0.03, math.nan)
    ]
    adjusted = [one.p for one in holm(made)]
    assert adjusted[:3] == pytest.approx([0.03, 0.06, 0.06])
    assert math.isnan(adjusted[3])


def test_equal_groups_are_told_apart_as_often_as_the_level_says() -> None:
    rng = np.random.default_rng(0)
    told = np.mean([sign_flip_test(rng.normal(size=10)) <= 0.05 for _ in range(1000)])
    assert 0.035 <= told <= 0.065


def test_a_shift_of_one_standard_deviation_is_found_with_ten_seeds() -> None:
    rng = np.random.default_rng(0)
    found = np.mean([sign_flip_test(rng.normal(1, 1, size=10)) <= 0.05 for _ in range(1000)])
    assert found >= 0.75


@pytest.mark.parametrize("shift", [0.5, 0.8])
def test_as_many_seeds_as_it_asks_for_find_the_difference(shift: float) -> None:
    rng = np.random.default_rng(0)
    needed = seeds_needed(Statistics(10, shift, 1.0))
    assert needed is not None
    found = [sign_flip_test(rng.normal(shift, 1, size=needed)) <= 0.05 for _ in range(400)]
    assert 0.75 <= np.mean(found) <= 0.85


def test_nobody_can_say_how_many_seeds_find_nothing() -> None:
    assert seeds_needed(Statistics(10, 0.0, 1.0)) is None
    assert seeds_needed(Statistics(1, 0.5)) is None
    assert seeds_needed(Statistics(10, 1e-6, 1.0)) is None


def test_a_table_marks_the_best_and_what_can_t_be_told_from_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    high = 0.9 + 0.01 * rng.normal(size=8)
    groups = [
        group(tmp_path / "a", list(high)),
        group(tmp_path / "bb", list(high + 0.001 * np.resize([1.1, -1], 8))),
        group(tmp_path / "ccc", list(high - 0.2 + 0.01 * rng.normal(size=8))),
    ]
    found = against_the_best(groups, "test_accuracy")
    assert found is not None
    best, differences = found
    assert best in (0, 1)
    assert not differences[1 - best].decided
    assert differences[2].decided
    assert against_the_best(groups, "parameters") is None


def test_compare_says_it_in_a_sentence(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, mean in (("a", 0.9), ("bb", 0.8), ("ccc", 0.802)):
        group(tmp_path / name, list(mean + 0.01 * rng.normal(size=10)))
    made = compare([tmp_path / "a", tmp_path / "bb", tmp_path / "ccc"])
    text = as_table(made)
    assert "a beats bb by " in text
    assert "points of test accuracy (10 seeds, p = " in text
    assert "bb and ccc: undecided, " in text
    assert "more seeds would tell" in text
    first = json.loads(as_json(made))["differences"][0]
    assert first["sides"] == ["a", "bb"]
    assert first["mean"] == pytest.approx(0.1, abs=0.02)
    assert first["p"] < 0.05


def test_few_seeds_can_t_tell_and_it_says_how_many_could(tmp_path: Path) -> None:
    first = group(tmp_path / "a", [0.9, 0.91, 0.92])
    second = group(tmp_path / "bb", [0.1, 0.12, 0.11])
    said = verdict(difference(first, second, "test_accuracy"), "a", "bb")
    assert "undecided" in said
    assert said.endswith("at least 3 more seeds would tell")
