"""The split into training and test rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.data.shares import split_rows
from minidl.errors import DataError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=60),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 3),
)
def test_every_row_is_in_one_part_and_every_class_is_trained(
    labels: list[int], fraction: float, seed: int
) -> None:
    classes = np.array(labels, dtype=np.int64)
    if len(set(labels)) == len(labels):
        with pytest.raises(DataError, match="can't be split"):
            split_rows(len(labels), fraction, rng(seed), labels=classes)
        return
    train, test = split_rows(len(labels), fraction, rng(seed), labels=classes)
    assert sorted([*train, *test]) == list(range(len(labels)))
    assert set(classes[train]) == set(labels)
    spare = len(labels) - len(set(labels))
    assert len(test) == min(max(round(fraction * len(labels)), 1), spare)


def test_classes_keep_their_shares() -> None:
    labels = np.repeat([0, 1, 2], [100, 50, 10])
    _, test = split_rows(160, 0.2, rng(), labels=labels)
    assert np.bincount(labels[test]).tolist() == [20, 10, 2]


def test_a_class_of_one_row_is_trained() -> None:
    labels = np.array([0] * 9 + [1])
    train, test = split_rows(10, 0.5, rng(), labels=labels)
    assert 9 in train
    assert len(test) == 5


def test_without_labels_rows_are_drawn_alike() -> None:
    train, test = split_rows(10, 0.3, rng())
    assert (len(train), len(test)) == (7, 3)


def test_a_small_fraction_still_tests_one_row_and_a_large_one_still_trains_one() -> None:
    assert [len(part) for part in split_rows(4, 0.01, rng())] == [3, 1]
    assert [len(part) for part in split_rows(4, 0.99, rng())] == [1, 3]


def test_the_split_depends_on_the_generator_alone() -> None:
    first, again, other = (split_rows(50, 0.5, rng(seed))[1] for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()


def test_one_row_is_too_few() -> None:
    with pytest.raises(DataError, match=r"^a\.csv: 1 row can't be split.*`test_path`"):
        split_rows(1, 0.2, rng(), file="a.csv")
