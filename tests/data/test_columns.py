"""What a config says of columns, and what the network gets for them."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from data.helpers import complaint, complaints, rows

from minidl.data import Dataset, Preprocessing, load_dataset
from minidl.errors import DataError, MinidlWarning
from minidl.spec import parse_spec

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


def load(text: str, options: str = "", test: str | None = None) -> Dataset:
    """The data set of a file.csv whose last column, y, is to be predicted."""
    Path("file.csv").write_text(text)
    Path("test.csv").write_text(test or text)
    config = f"data: {{type: csv, path: file.csv, test_path: test.csv, target: y, {options}}}"
    spec = parse_spec(f"{config}\nmodel: mlp\n", folder=Path.cwd())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MinidlWarning)
        return load_dataset(spec.data, np.random.default_rng(0))


def column(cells: list[Any], options: str = "", test: list[Any] | None = None) -> Dataset:
    """The same of one column x with these cells."""

    def table(cells: list[Any]) -> str:
        return rows("x,y", *(f'"{cell}",{i}.5' for i, cell in enumerate(cells)))

    return load(table(cells), options, table(test or cells))


def inputs(data: Dataset) -> list[Any]:
    return [*np.round(data.train.inputs.T, 6).tolist()]


# Which columns -------------------------------------------------------------------------------

WIDE = rows("x_1,x_2,z,y", "1,2,a,1.5", "2,3,b,2.5", "3,5,a,4.5")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ("drop: [z]", ("x_1", "x_2")),
        ('drop: ["x_*"]', ("z=a", "z=b")),
        ('features: ["x_*"]', ("x_1", "x_2")),
        ('features: [z, "x_*"], drop: [x_1]', ("z=a", "z=b", "x_2")),
        ('columns: {"x_*": category}, drop: [z, x_1]', ("x_2=2", "x_2=3", "x_2=5")),
        ("types: {category: [x_1]}, features: [x_1]", ("x_1=1", "x_1=2", "x_1=3")),
        ('columns: {"x_*": category, x_1: number}, features: [x_1]', ("x_1",)),
    ],
)
def test_columns_are_meant_by_names_or_patterns(options: str, names: tuple[str, ...]) -> None:
    assert load(WIDE, options).feature_names == names


@pytest.mark.parametrize("key", ["drop: [w]", 'drop: ["w*"]', "columns: {w: date}"])
def test_a_column_that_is_not_there_is_said(key: str) -> None:
    with pytest.raises(DataError, match=r"no column 'w\*?'; the table has .*of the config"):
        load(WIDE, key)


def test_names_compare_in_the_composed_form_and_twins_are_told_apart() -> None:
    assert load(rows("Gro\u0308\u00dfe,y", "1,2.5", "2,3.5"), "features: [Gr\u00f6\u00dfe]")
    with pytest.raises(DataError, match=r"only looks equal: it is '\\u0430ge', not 'age'"):
        load(rows("\u0430ge,y", "1,2.5", "2,3.5"), "features: [age]")


# Numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "options"),
    [
        (["1,200", "-3", "1,234,567.5"], 'thousands: ","'),
        (["1.200", "-3", "1.234.567,5"], 'thousands: ".", decimal: ","'),
        (["1'200", "-3", "1'234'567.5"], 'thousands: "\'"'),
        (["$1,200", "-3", "$ 1,234,567.5"], 'thousands: ",", columns: {x: {type: number, '
                                            'strip: ["$"]}}'),
        (["1200 kg", "-3 kg", "1234567.5kg"], "columns: {x: {type: number, strip: [kg]}}"),
    ],
)  # fmt: skip
def test_numbers_are_read_as_they_are_written(cells: list[str], options: str) -> None:
    decimal = options.replace("decimal", "scale: none, decimal")
    if "decimal" not in options:
        decimal = f"scale: none, {options}"
    text = rows("x,y", *(f'"{cell}",{i}' for i, cell in enumerate(cells)))
    assert inputs(load(text, f"{decimal}, task: regression")) == [[1200, -3, 1234567.5]]


@pytest.mark.parametrize("cell", ["12,00", "1,2000", ",200"])
def test_thousands_stand_in_threes(cell: str) -> None:
    text = rows("x,kind", *(f"{i},{'ab'[i % 2]}" for i in range(8)), f'"{cell}",a')
    assert f"got {cell!r}" in complaint(text, thousands=",")


VALUES = [0, 1, 2, 3, 10]


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        ("none", VALUES),
        ("standard", (np.array(VALUES) - 3.2) / np.std(VALUES)),
        ("robust", (np.array(VALUES) - 2) / 2),
        ("minmax", np.array(VALUES) / 10),
        ("quantile", np.linspace(-math.sqrt(3), math.sqrt(3), 5)),
    ],
)
def test_a_scale_is_what_its_name_says(scale: str, expected: Any) -> None:
    for options in (f"scale: {scale}", f"columns: {{x: {{type: number, scale: {scale}}}}}"):
        data = column(VALUES, options)
        np.testing.assert_allclose(data.train.inputs[:, 0], expected, atol=1e-12)
        assert data.preprocessing is not None
        raw = data.preprocessing.to_raw(data.train.inputs)
        np.testing.assert_allclose(raw[:, 0], VALUES, atol=1e-9)
        np.testing.assert_allclose(data.preprocessing.to_inputs(raw), data.train.inputs, atol=1e-9)


def test_a_logarithm_tames_an_outlier_of_either_sign() -> None:
    data = column([-1e9, -1, 0, 1, 1e9], "scale: log")
    values = data.train.inputs[:, 0]
    assert values.std() == pytest.approx(1)
    np.testing.assert_allclose(values, -values[::-1], atol=1e-12)
    assert data.preprocessing is not None
    raw = data.preprocessing.to_raw(data.train.inputs)[:, 0]
    np.testing.assert_allclose(raw, [-1e9, -1, 0, 1, 1e9], rtol=1e-9, atol=1e-9)


def test_scales_are_fitted_on_the_training_part_alone() -> None:
    data = column([0, 10], "scale: minmax", test=[5, 1000])
    assert data.test.inputs[:, 0].tolist() == [0.5, 100]


# Gaps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "filled"), [("mean", 4), ("median", 2), ("zero", 0)], ids=lambda value: str(value)
)
def test_a_gap_is_filled_and_an_indicator_says_so(missing: str, filled: float) -> None:
    data = column([1, 2, "?", 9], f"missing: {missing}, missing_values: ['?'], indicator: true,"
                  " scale: none")  # fmt: skip
    assert inputs(data) == [[1, 2, filled, 9], [0, 0, 1, 0]]
    assert data.feature_names == ("x", "x missing")


def test_missing_words_are_a_category_of_their_own() -> None:
    for missing in ("mean", "category", "{category: category}"):
        data = column(["a", "", "b"], f"missing: {missing}")
        assert data.feature_names == ("x=a", "x=b", "x=missing")
        assert inputs(data) == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]


def test_what_becomes_of_gaps_can_be_said_of_kinds_and_of_columns() -> None:
    text = rows("a,b,c,y", "1,,u,1.5", ",2,,2.5", "3,4,v,3.5", "5,6,u,")
    options = "missing: {number: zero, category: drop, target: drop}, scale: none, "
    data = load(text, options + "columns: {b: {type: number, missing: mean}}")
    assert inputs(data) == [[1, 3], [4, 4], [1, 0], [0, 1]]
    assert data.train.rows is not None
    assert data.train.rows.tolist() == [2, 4]


def test_markers_may_be_of_one_column_alone() -> None:
    text = rows("a,b,y", "NA,NA,1.5", "1,US,2.5", "2,DE,3.5")
    data = load(text, "missing_values: [], missing: mean, scale: none, columns: {a: {type: number,"
                " missing_values: [NA]}}")  # fmt: skip
    assert data.feature_names == ("a", "b=DE", "b=NA", "b=US")
    assert inputs(data)[0] == [1.5, 1, 2]


# Words ---------------------------------------------------------------------------------------


def test_digits_as_words_keep_their_zeros() -> None:
    data = column(["02139", "00501", "02139"], "columns: {x: category}")
    assert data.feature_names == ("x=00501", "x=02139")


def test_rare_words_are_the_category_other() -> None:
    cells = ["a", "a", "b", "b", "b", "c", "d"]
    assert column(cells, "rare: {min_count: 2}").feature_names == ("x=a", "x=b", "x=other")
    data = column(cells, "max_categories: 1", test=["c", "new", *cells])
    assert data.feature_names == ("x=b", "x=other")
    assert data.test.inputs[:3].tolist() == [[0, 1], [0, 1], [0, 1]]


def test_an_unknown_word_is_an_error_or_none_of_the_known() -> None:
    with pytest.raises(DataError, match="unknown category 'c'; known are 'a', 'b'"):
        column(["a", "b"], test=["a", "c"])
    data = column(["a", "b"], "unknown: other", test=["a", "c"])
    assert data.test.inputs.tolist() == [[1, 0], [0, 0]]


def test_a_word_without_a_rank_and_what_is_no_date_and_no_boolean_are_said() -> None:
    text = rows("o,d,b,kind", "low,2024-01-31,yes,a", "mid,31.1.,maybe,b", "high,2024-02-01,no,a")
    spec = parse_spec(
        "data: {type: csv, path: x, target: y, columns: {o: [low, high], d: date, b: boolean}}\n"
        "model: mlp\n".replace("o: [low, high]", "o: {ordinal: [low, high]}")
    )
    columns = spec.data.columns  # type: ignore[union-attr]
    found = complaints(f"{text}low,2024-01-31,yes\n", columns=columns, target="kind")
    assert found[0] == "file.csv: row 5 has 3 cells, but the header names 4 columns"
    assert [line.partition("column ")[2] for line in found[1:]] == [
        "'o': 'mid' has no place in `order`: 'low', 'high'",
        "'d': expected a date such as 2025-01-31 (else say its `format`), but got '31.1.'",
        "'b': expected yes or no, true or false, 1 or 0, but got 'maybe'",
    ]


def test_parts_of_dates_are_numbers_or_places_on_a_circle() -> None:
    options = "columns: {x: {type: date, parts: [days, year, month, day, weekday, hour]}}"
    data = column(["2024-01-01", "2024-07-01T12:00"], f"scale: none, {options}")
    values = dict(zip(data.feature_names, data.train.inputs.T, strict=True))
    assert values["x days"].tolist() == [0, 182.5]
    assert values["x year"].tolist() == [2024, 2024]
    np.testing.assert_allclose(values["x month cos"], [1, -1], atol=1e-12)
    np.testing.assert_allclose(values["x hour cos"], [1, -1], atol=1e-12)
    np.testing.assert_allclose(values["x weekday sin"], 0, atol=1e-12)  # both are a Monday
    for part in ("month", "day", "weekday", "hour"):
        circle = values[f"x {part} cos"] ** 2 + values[f"x {part} sin"] ** 2
        np.testing.assert_allclose(circle, 1)


# Kept for later rows -------------------------------------------------------------------------


def test_every_kind_of_column_survives_json() -> None:
    text = rows(
        "n,c,o,b,d,t,w,y",
        "1 kg,6,low,yes,2024-01-01,red apple,u,1.5",
        "?,12,high,no,2024-02-03,green pear,v,2.5",
        "3 kg,18,low,yes,2024-03-05,red pear,u,3.5",
    )
    columns = (
        "{n: {type: number, strip: [kg], scale: quantile}, c: {cyclic: 24}, b: boolean,"
        " o: {ordinal: [low, high]}, d: date, t: {type: text, words: 2}, w: category}"
    )
    options = f"columns: {columns}, missing: median, missing_values: ['?'], indicator: true"
    data = load(text, options)
    assert data.preprocessing is not None
    stored = json.loads(json.dumps(data.preprocessing.to_dict(), allow_nan=False))
    restored = Preprocessing.from_dict(stored)
    table = pd.read_csv("file.csv", dtype=str, keep_default_na=False)
    np.testing.assert_array_equal(restored.transform(table), data.train.inputs)
    assert restored.feature_names == data.feature_names


def test_a_record_of_version_0_1_0_is_read_as_it_was_meant() -> None:
    """It says mean and std, and takes NA and the like for missing."""
    old = {
        "columns": [
            {"kind": "numeric", "name": "size", "mean": 2.0, "std": 0.5, "fill": 3.0},
            {"kind": "categorical", "name": "colour", "categories": ["blue", "red"]},
        ]
    }
    table = pd.DataFrame({"size": ["1", "NA", "none"], "colour": ["red", "blue", "red"]})
    assert Preprocessing.from_dict(old).transform(table).tolist() == [
        [-2, 0, 1],
        [2, 1, 0],
        [2, 0, 1],
    ]
