"""Folds: each row tests once, divided as scikit-learn divides."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from trainings import data_of, spec

from minidl.data import Dataset
from minidl.data.split import Grouped, Ordered, Shuffled, Way, parts_of
from minidl.errors import ConfigError, DataError
from minidl.spec import parse_spec

LABELS = np.repeat([0, 1, 2], [20, 11, 6])
GROUPS = np.arange(37) * 7 % 10
TIMES = np.cos(np.arange(37.0))
IRIS = "data: iris\nmodel: {mlp: [4]}\nloss: cross_entropy\n"


def parts(
    way: Way, number: int, of: int, seed: int = 0, val: float | None = None
) -> list[set[int]]:
    """The rows that train, validate and test."""
    rng = np.random.default_rng(seed)
    rows = parts_of(37, way, rng, val=val, test=None, fold=(number, of))
    return [{*map(int, rows.get(part, ()))} for part in ("train", "val", "test")]


@pytest.mark.parametrize("way", [Shuffled(), Shuffled(LABELS), Grouped(GROUPS, "who")])
def test_each_row_tests_once_and_trains_in_all_other_folds(way: Way) -> None:
    held = [parts(way, number, 5) for number in range(1, 6)]
    assert sorted(row for _, _, test in held for row in test) == list(range(37))
    assert all(train == {*range(37)} - test for train, _, test in held)


@pytest.mark.parametrize("way", [Shuffled(), Shuffled(LABELS)])
def test_sizes_differ_by_one_row_at_most(way: Way) -> None:
    assert sorted(len(parts(way, number, 5)[2]) for number in range(1, 6)) == [7, 7, 7, 8, 8]


def test_each_class_is_in_each_fold_in_proportion() -> None:
    for number in range(1, 6):
        counts = np.bincount(LABELS[sorted(parts(Shuffled(LABELS), number, 5)[2])])
        assert (np.abs(counts - np.array([4, 2.2, 1.2])) < 1).all()


def test_groups_stay_whole() -> None:
    for number in range(1, 6):
        train, val, test = (
            {GROUPS[row] for row in own}
            for own in parts(Grouped(GROUPS, "who"), number, 5, val=0.3)
        )
        assert len(train | val | test) == len(train) + len(val) + len(test)


def test_by_time_what_trains_comes_before_what_validates_and_tests() -> None:
    for number in range(1, 6):
        train, val, test = parts(Ordered(TIMES), number, 5, val=0.2)
        times = [[TIMES[row] for row in own] for own in (train, val, test)]
        assert max(times[0]) < min(times[1])
        assert max(times[1]) < min(times[2])
        assert len(test) == 37 // 6
    assert len(train | val | test) == 37


def test_the_test_rows_are_the_same_with_and_without_a_validation_part() -> None:
    for way in (Shuffled(), Shuffled(LABELS), Grouped(GROUPS, "who")):
        assert parts(way, 2, 4)[2] == parts(way, 2, 4, val=0.25)[2]


def test_another_seed_divides_anew() -> None:
    assert parts(Shuffled(LABELS), 1, 5)[2] != parts(Shuffled(LABELS), 1, 5, seed=1)[2]


@pytest.mark.parametrize(
    ("way", "folds", "expected"),
    [
        (Shuffled(), 38, "data: there are 37 rows, but 38 folds need one each"),
        (Shuffled(LABELS, "t.csv", ("a", "b", "c")), 7, "the class 'c' has 6 rows, but 7 folds"),
        (Grouped(GROUPS, "who"), 11, "column 'who' has 10 groups, but 11 folds need one each"),
        (Ordered(TIMES), 37, "37 rows, but 37 folds in order of time need 38"),
    ],
)
def test_too_few_for_so_many_folds(way: Way, folds: int, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        parts(way, 1, folds)


# Of a config.


def iris(*overrides: str) -> Dataset:
    return data_of(spec(*overrides, text=IRIS))


def rows(data: Dataset) -> list[int]:
    assert data.test.rows is not None
    return [*map(int, data.test.rows)]


def test_which_rows_a_fold_has_depends_on_the_seed_of_the_data_alone() -> None:
    own = rows(iris("data.folds=3", "data.fold=2"))
    assert len(own) == 50
    assert rows(iris("data.folds=3", "data.fold=2", "model.seed=1", "training.seed=4")) == own
    assert rows(iris("data.folds=3", "data.fold=2", "seed=1", "data.seed=0")) == own
    assert rows(iris("data.folds=3", "data.fold=2", "seed=1")) != own
    assert not {*own} & {*rows(iris("data.folds=3", "data.fold=3"))}


def test_what_is_learned_of_the_inputs_comes_from_the_rows_that_train() -> None:
    data = iris("data.folds=3", "data.fold=1")
    np.testing.assert_allclose(data.train.inputs.mean(0), 0, atol=1e-12)  # float64's rounding
    assert np.abs(data.test.inputs.mean(0)).max() > 1e-3


def test_arrays_and_tables_have_folds_too(tmp_path: Path) -> None:
    x = np.arange(24.0).reshape(12, 2)
    np.savez(tmp_path / "a.npz", input=x, target=x[:, 0] * 0.5)
    lines = [f"{a},{b},{a / 2}" for a, b in x]
    (tmp_path / "a.csv").write_text("\n".join(["x1,x2,y", *lines]) + "\n")
    array = f"data: {{type: arrays, path: {tmp_path}/a.npz}}\nmodel: {{mlp: [4]}}\n"
    table = f"data: {{type: csv, path: {tmp_path}/a.csv, target: y}}\nmodel: {{mlp: [4]}}\n"
    for text, first in ((array, 0), (table, 2)):
        held = [
            rows(data_of(spec("data.folds=4", f"data.fold={number}", text=text)))
            for number in (1, 2, 3, 4)
        ]
        assert sorted(itertools.chain(*held)) == list(range(first, first + 12))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("{type: iris, folds: 1, fold: 1}", r"c.yaml:1:27: data.folds: expected an integer ≥ 2"),
        (
            "{type: iris, folds: 3}",
            r"data.folds: needs fold, which tests; `minidl sweep --folds 3`",
        ),
        ("{type: iris, fold: 3}", r"c.yaml:1:26: data.fold: needs folds"),
        ("{type: iris, folds: 3, fold: 4}", r"data.fold: expected a number from 1 to 3, but got 4"),
        ("{type: iris, folds: 3, fold: 1, test_fraction: 0.5}", r"folds: excludes test_fraction"),
        ("{type: csv, path: a, target: y, folds: 3, fold: 1, test_path: b}", r"excludes test_path"),
        ("{type: moons, folds: 3, fold: 1}", r"unknown key"),
    ],
)
def test_folds_that_contradict_the_rest_of_the_data(data: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected) as raised:
        parse_spec(f"data: {data}\nmodel: mlp\n", "c.yaml")
    assert len(raised.value.problems) <= 2
