"""Training data from a CSV file: what its columns become."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minidl.data import Dataset, Preprocessing, load_dataset, read_table
from minidl.data.csvfile import Dialect
from minidl.errors import MinidlWarning
from minidl.spec import CsvData

FRUIT = """\
weight,colour,fresh,fruit
100,red,yes,apple
120,green,no,apple
 90 ,red,yes,plum
110,green,yes,plum
130, red,no,pear
105,green,no,pear
"""


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(text: str, target: str = "fruit", seed: int = 0, **options: Any) -> Dataset:
    Path("data.csv").write_text(text)
    spec = CsvData(path=Path("data.csv"), target=target, **options)
    return load_dataset(spec, np.random.default_rng(seed))


def columns(names: str, *rows: str) -> str:
    return "\n".join([names, *rows, ""])


def all_inputs(data: Dataset) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.concatenate([data.train.inputs, data.test.inputs])


def all_targets(data: Dataset) -> np.ndarray[Any, Any]:
    return np.concatenate([data.train.targets, data.test.targets])


# Features ------------------------------------------------------------------------------------


def test_numbers_stay_one_column_and_texts_become_one_per_category() -> None:
    data = load(FRUIT, standardize=False)
    assert data.feature_names == ("weight", "colour=green", "colour=red", "fresh=no", "fresh=yes")
    rows = sorted(all_inputs(data).tolist())
    assert rows[0] == [90, 0, 1, 0, 1]
    assert rows[-1] == [130, 0, 1, 1, 0]
    assert data.input_shape == (5,)


def test_only_the_listed_features_are_used_in_their_order() -> None:
    data = load(FRUIT, features=("fresh", "weight"))
    assert data.feature_names == ("fresh=no", "fresh=yes", "weight")


def test_statistics_come_from_the_training_part_alone_and_spare_the_categories() -> None:
    data = load(FRUIT)
    np.testing.assert_allclose(data.train.inputs[:, 0].mean(), 0, atol=1e-15)
    np.testing.assert_allclose(data.train.inputs[:, 0].std(), 1, rtol=1e-15)
    assert set(all_inputs(data)[:, 1:].ravel()) == {0, 1}


def test_test_rows_never_influence_the_training_rows() -> None:
    Path("test.csv").write_text("weight,colour,fresh,fruit\n1e6,red,yes,pear\n")
    with_test_file = load(FRUIT, test_path=Path("test.csv"))
    weights = np.array([100, 120, 90, 110, 130, 105])
    expected = (weights - weights.mean()) / weights.std()
    np.testing.assert_allclose(with_test_file.train.inputs[:, 0], expected)
    assert len(with_test_file.test) == 1


def test_a_constant_column_becomes_zero() -> None:
    rows = [f"0.1,{i % 2}" for i in range(30)]  # the mean of thirty 0.1 isn't quite 0.1
    data = load(columns("same,fruit", *rows))
    np.testing.assert_allclose(all_inputs(data), 0, atol=1e-15)


def test_every_row_gets_its_own_target() -> None:
    data = load(columns("weight,fruit", *(f"{i},{i}.5" for i in range(20))), standardize=False)
    np.testing.assert_array_equal(all_inputs(data) + 0.5, all_targets(data))


def test_mixed_columns_with_fewer_numbers_than_texts_are_categories() -> None:
    text = columns("floor,fruit", "basement,a", "1,b", "attic,a", "1,b", "attic,a")
    assert load(text).feature_names == ("floor=1", "floor=attic", "floor=basement")


# Targets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["pear", "apple", "pear"], ("apple", "pear")),
        (["true", "false", "true"], ("false", "true")),
        (["10", "9", "10"], ("9", "10")),
        (["1.0", "2.0", "1"], ("1", "1.0", "2.0")),
        (["-1", "+1", "-1"], ("-1", "+1")),
        (["02139", "501", "00501"], ("501", "00501", "02139")),
        (
            ["1234567890123456782", "1234567890123456781"] * 2,
            ("1234567890123456781", "1234567890123456782"),
        ),
        ([str(i % 20) for i in range(40)], tuple(str(i) for i in range(20))),
    ],
)
def test_texts_and_few_integers_are_classes_named_as_in_the_file(
    cells: list[str], names: tuple[str, ...]
) -> None:
    data = load(columns("x,fruit", *(f"{i},{cell}" for i, cell in enumerate(cells * 2))))
    assert data.task == "classification"
    assert data.class_names == names
    assert data.target_names == ("fruit",)
    assert set(all_targets(data)) == set(range(len(names)))
    assert data.train.targets.dtype == np.int64


@pytest.mark.parametrize("cells", [["1.5", "2", "3"], [str(i) for i in range(21)], ["1e3", "0.1"]])
def test_other_numbers_are_a_regression_in_their_own_units(cells: list[str]) -> None:
    text = columns("x,fruit", *(f"{i},{cell}" for i, cell in enumerate(cells * 2)))
    data = load(text, standardize=False)
    assert data.task == "regression"
    assert data.class_names == ()
    assert all_targets(data).shape == (2 * len(cells), 1)
    assert set(all_targets(data).ravel()) == {float(cell) for cell in cells}


def test_integers_that_never_repeat_are_no_classes() -> None:
    assert load(columns("x,fruit", "1,10", "2,25", "3,31", "4,8")).task == "regression"


def test_the_task_can_be_set() -> None:
    text = columns("x,fruit", "1,0", "2,1", "3,0", "4,1")
    assert load(text, task="regression").train.targets.dtype == np.float64
    halves = columns("x,fruit", "1,0.5", "2,1.5", "3,0.5", "4,10")
    assert load(halves, task="classification").class_names == ("0.5", "1.5", "10")


def test_classes_of_a_test_file_are_those_of_the_training_file() -> None:
    Path("test.csv").write_text("fruit,x\n2,5\n1,6\n")
    text = columns("x,fruit", "1,1", "2,2", "3,3", "4,1")
    assert load(text, test_path=Path("test.csv")).test.targets.tolist() == [1, 0]


# Missing values ------------------------------------------------------------------------------

GAPS = columns("x,y,fruit", "1,5,a", ",6,b", "3,NaN,a", "5,8,b", "9,10,a")


@pytest.mark.parametrize(
    ("text", "options", "left", "rows"),
    [
        (GAPS, {}, 3, 5),
        (GAPS, {"features": ("x",)}, 4, 5),
        (columns("x,fruit", "1,a", "2,", "3,b", "4,a"), {}, 3, 4),
    ],
    ids=["any column", "a column in use", "target"],
)
def test_missing_drop_leaves_out_rows_with_a_gap_in_a_used_column_and_says_so(
    text: str, options: dict[str, Any], left: int, rows: int
) -> None:
    said = f"^data.csv: `missing: drop` leaves out {rows - left} of {rows} rows$"
    with pytest.warns(MinidlWarning, match=said):
        assert len(all_inputs(load(text, missing="drop", **options))) == left


def test_missing_drop_says_nothing_where_nothing_is_missing() -> None:
    assert len(all_inputs(load(FRUIT, missing="drop"))) == 6


# Decimal commas ------------------------------------------------------------------------------

GERMAN = columns("x;y;word;fruit", "1,5;-1;a,b;0,25", "2;,5;1.5;1", "3,25;1e-1;x;2,5", "4;7;y;3")


@pytest.mark.parametrize("task", ["auto", "regression"])
def test_decimal_commas_are_read_as_points_are(task: str) -> None:
    options: dict[str, Any] = {"delimiter": ";", "task": task, "features": ("x", "y", "word")}
    german = load(GERMAN, decimal=",", **options)
    english = load(GERMAN.translate(str.maketrans(",.", ".,")), **options)
    np.testing.assert_array_equal(all_inputs(german), all_inputs(english))
    np.testing.assert_array_equal(all_targets(german), all_targets(english))
    assert german.task == "regression"
    assert {name for name in german.feature_names if "=" in name} >= {"word=a,b", "word=1.5"}


def test_class_labels_keep_their_commas_where_the_task_is_said() -> None:
    text = columns("x;fruit", "1,5;1,0", "2;2,0", "3;1,0", "4;2,0")
    options: dict[str, Any] = {"delimiter": ";", "decimal": ","}
    assert load(text, task="classification", **options).class_names == ("1,0", "2,0")
    assert load(text, **options).class_names == ("1,0", "2,0")


def test_the_test_file_has_decimal_commas_too() -> None:
    Path("test.csv").write_text("x;fruit\n2,5;0,5\n")
    text = columns("x;fruit", "1,5;0,25", "2;0,5", "3,5;0,75")
    data = load(text, delimiter=";", decimal=",", test_path=Path("test.csv"), standardize=False)
    assert (data.test.inputs.tolist(), data.test.targets.tolist()) == ([[2.5]], [[0.5]])


def test_missing_mean_fills_gaps_by_the_training_mean() -> None:
    Path("test.csv").write_text("x,y,fruit\n,0,a\n")
    data = load(GAPS, missing="mean", standardize=False, test_path=Path("test.csv"))
    assert data.train.inputs.tolist() == [[1, 5], [4.5, 6], [3, 7.25], [5, 8], [9, 10]]
    assert data.test.inputs.tolist() == [[4.5, 0]]


def test_a_filled_gap_is_zero_once_standardized() -> None:
    Path("test.csv").write_text("x,y,fruit\nnan,,a\n")
    data = load(GAPS, missing="mean", test_path=Path("test.csv"))
    np.testing.assert_array_equal(data.test.inputs, [[0, 0]])


# The file ------------------------------------------------------------------------------------


def test_rows_are_counted_as_a_spreadsheet_counts_them() -> None:
    text = 'a,b\n1,"two\nlines"\n\n2,x\n,\n3,y\n\n'
    Path("data.csv").write_text(text)
    table = read_table("data.csv")
    assert table.index.tolist() == [2, 4, 6]
    assert table["b"].tolist() == ["two\nlines", "x", "y"]


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        (b"\xef\xbb\xbfa,b\r\n1,x\r\n", ","),
        (b"a;b\n1;x", ";"),
        (b"a\tb\n1\tx\n", "\t"),
        (b"a b\n1 x\n", " "),
        (b'"a", "b"\n"1", "x"\n', ","),
        (b"\n a , b \n 1 , x \n", ","),
    ],
)
def test_byte_order_marks_line_ends_delimiters_quotes_and_blanks_are_understood(
    content: bytes, delimiter: str
) -> None:
    Path("data.csv").write_bytes(content)
    table = read_table("data.csv", Dialect(delimiter))
    assert table.to_dict("list") == {"a": ["1"], "b": ["x"]}


def test_the_hash_of_each_file_is_kept() -> None:
    Path("test.csv").write_text(FRUIT)
    data = load(FRUIT, test_path=Path("test.csv"))
    digest = hashlib.sha256(FRUIT.encode()).hexdigest()
    assert data.source_hashes == {"data.csv": digest, "test.csv": digest}
    assert load(FRUIT).source_hashes == {"data.csv": digest}


def test_the_same_generator_state_gives_the_same_split() -> None:
    first, again = load(FRUIT, seed=5), load(FRUIT, seed=5)
    np.testing.assert_array_equal(first.train.inputs, again.train.inputs)
    np.testing.assert_array_equal(first.test.targets, again.test.targets)


# Prediction ----------------------------------------------------------------------------------


def test_new_rows_are_found_by_name_in_any_order_with_other_columns_and_without_a_target() -> None:
    data = load(FRUIT)
    assert data.preprocessing is not None
    stored = Preprocessing.from_dict(data.preprocessing.to_dict())
    Path("new.csv").write_text("fresh,shop,weight,colour\nyes,A,100,red\n")
    inputs = stored.transform(read_table("new.csv"), file="new.csv")
    assert inputs.dtype == np.float64
    assert inputs.tolist() in all_inputs(data)[:, None].tolist()
