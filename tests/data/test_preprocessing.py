"""Preprocessing as a value: stored, restored, applied to tables and arrays."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.data import Preprocessing
from minidl.data.plan import Plan
from minidl.errors import DataError

TABLE = pd.DataFrame({"size": [1.0, 2.0, 3.0, 10.0], "colour": ["red", "blue", "red", "blue"]})
TRAINING = np.array([0, 1, 2])


def fit(standardize: bool = True) -> Preprocessing:
    plan = Plan(missing="mean", scale="standard" if standardize else "none")
    return Preprocessing.fit(TABLE, {"colour": plan, "size": plan}, training=TRAINING)


def test_columns_come_in_the_order_of_their_names_in_fit() -> None:
    assert fit().feature_names == ("colour=blue", "colour=red", "size")
    std = math.sqrt(2 / 3)
    expected = np.array([[0, 1, -1 / std], [1, 0, 0], [0, 1, 1 / std], [1, 0, 8 / std]])
    np.testing.assert_allclose(fit().transform(TABLE), expected)
    assert fit(standardize=False).transform(TABLE)[:, 2].tolist() == [1, 2, 3, 10]


def test_it_survives_json() -> None:
    stored = json.loads(json.dumps(fit().to_dict(), allow_nan=False))
    restored = Preprocessing.from_dict(stored)
    assert restored == fit()
    np.testing.assert_array_equal(restored.transform(TABLE), fit().transform(TABLE))


@pytest.mark.parametrize(
    "damage",
    [
        {},
        {"columns": 3},
        {"columns": [{"kind": "numeric"}]},
        {"columns": [{"kind": "other", "name": "x"}]},
        {"columns": [{"kind": "numeric", "name": "x", "mean": 0, "std": 0, "fill": None}]},
        {"columns": [{"kind": "numeric", "name": "x", "mean": "a", "std": 1, "fill": None}]},
        {"columns": [{"kind": "categorical", "name": "x"}]},
    ],
)
def test_a_damaged_record_of_the_preprocessing(damage: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="the stored preprocessing is damaged"):
        Preprocessing.from_dict(damage)


def test_arrays_of_encoded_features_go_to_inputs_and_back() -> None:
    raw = fit(standardize=False).transform(TABLE)
    np.testing.assert_array_equal(fit().to_inputs(raw), fit().transform(TABLE))
    np.testing.assert_allclose(fit().to_raw(fit().transform(TABLE)), raw)
    assert fit().to_inputs(raw.reshape(2, 2, 3)).shape == (2, 2, 3)  # a plotting grid


def test_a_column_of_booleans_is_zero_or_one() -> None:
    table = pd.DataFrame({"a": [True, False, True]})
    preprocessing = Preprocessing.fit(table, {"a": Plan(scale="none")}, training=np.arange(3))
    assert preprocessing.transform(table).tolist() == [[1], [0], [1]]


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_numbers_as_texts_and_as_floats_are_the_same(values: list[float]) -> None:
    rows = np.arange(len(values))
    numbers, texts = pd.DataFrame({"a": values}), pd.DataFrame({"a": [str(v) for v in values]})
    first, second = (
        Preprocessing.fit(table, {"a": Plan("number")}, training=rows) for table in (numbers, texts)
    )
    assert first == second
    np.testing.assert_array_equal(first.transform(numbers), second.transform(texts))
