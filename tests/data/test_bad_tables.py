"""Every way in which a user's table can be wrong: one clear message, with file, row and column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data.helpers import complaint, complaints, rows

from minidl.data import Preprocessing, load_dataset, read_table
from minidl.errors import DataError
from minidl.spec import CsvData

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


# Cells ---------------------------------------------------------------------------------------

AGES = [f"{20 + i},{'ab'[i % 2]}" for i in range(20)]


@pytest.mark.parametrize("gap", ["", " ", "NaN", "nan"])
def test_a_missing_value_names_row_and_column_and_the_remedy(gap: str) -> None:
    lines = [*AGES[:15], f"{gap},a", *AGES[15:]]
    assert complaint(rows("age,kind", *lines)) == (
        "file.csv: row 17, column 'age': missing value (set `missing: drop` or `mean`)"
    )


def test_further_missing_values_are_counted() -> None:
    message = complaint(rows("age,kind", *AGES, ",a", ",b", ",a"))
    assert message == (
        "file.csv: row 22, column 'age': missing value (set `missing: drop` or `mean`)"
        " (and 2 more in this column: rows 23, 24)"
    )


@pytest.mark.parametrize("missing", ["error", "mean"])
def test_a_missing_target_is_an_error_that_no_mean_can_fill(missing: str) -> None:
    assert complaint(rows("age,kind", *AGES, "7,"), missing=missing) == (
        "file.csv: row 22, column 'kind': missing value (set `missing: drop` or `{target: drop}`)"
    )


@pytest.mark.parametrize("column", ["age", "kind"])
@pytest.mark.parametrize("word", ["NA", "n/a", "null", "None"])
def test_a_word_that_may_stand_for_a_missing_value_is_quoted_with_both_ways_out(
    word: str, column: str
) -> None:
    text = rows("age,kind", *AGES, f"{word},a" if column == "age" else f"1,{word}", f"{word},b")
    (said,) = [line for line in complaints(text) if line.startswith("file.csv: row 22")]
    assert f"row 22, column {column!r}: {word!r} may be a word or stand for a missing" in said
    assert f"`missing_values: [{word}]` (it does) or `[]` (it doesn't)" in said


def test_a_question_mark_among_numbers_is_suspected_to_be_missing() -> None:
    assert complaint(rows("age,kind", *AGES, "?,a")).endswith(
        "got '?' (if it stands for a missing value: `missing_values: ['?']`)"
    )


def test_codes_among_numbers_may_be_words() -> None:
    assert complaint(rows("age,kind", *AGES, "3+,a")).endswith(
        "got '3+' (words? `columns: {age: category}`)"
    )


def test_a_missing_word_is_an_error_unless_it_is_a_category() -> None:
    assert complaint(rows("c,kind", "red,a", ",b", "red,a", "blue,b")) == (
        "file.csv: row 3, column 'c': missing value (set `missing: drop` or `category`)"
    )


def test_a_stray_text_in_a_column_of_numbers_is_no_category() -> None:
    assert complaint(rows("age,kind", *AGES, "unknown,a")).startswith(
        "file.csv: row 22, column 'age': expected a number, but got 'unknown'"
    )


@pytest.mark.parametrize("text", ["1_000", "1,5", "0x10", "12 kg", "-nan", "?", "\x1b[31m"])
def test_what_only_resembles_a_number_is_a_stray_text(text: str) -> None:
    message = complaint(rows("age,kind", *AGES, f'"{text}",a'))
    assert f"column 'age': expected a number, but got {text!r}" in message


@pytest.mark.parametrize(
    ("text", "comma"), [("1,5", True), ("-,5", True), ("1,500", False), ("1.500,5", False)]
)
def test_a_decimal_comma_is_suspected(text: str, comma: bool) -> None:
    message = complaint(rows("age;kind", "1;a", "2;b", f"{text};a"), delimiter=";")
    assert (' (is `decimal` right? "," would read it)' in message) == comma
    assert (' (is `thousands` right? "," would read it)' in message) == (text == "1,500")


@pytest.mark.parametrize("text", ["1.5", "1.200", "1.200,5", "1_000", "much"])
@pytest.mark.parametrize("column", ["age", "kind"])
def test_beside_decimal_commas_no_number_has_a_point(text: str, column: str) -> None:
    row = f"{text};1,5" if column == "age" else f"1;{text}"
    message = complaint(rows("age;kind", "1;0,5", "2,5;3", row), delimiter=";", decimal=",")
    assert message.startswith(
        f"file.csv: row 4, column {column!r}: expected a number with a decimal comma, but got"
        f" {text!r}"
    )


def test_a_file_with_points_read_with_decimal_commas() -> None:
    lines = (f"{i}.5;{'ab'[i % 2]}" for i in range(5))
    message = complaint(rows("age;kind", *lines), delimiter=";", decimal=",")
    assert "expected a number with a decimal comma, but got '0.5' (and 4 more" in message


def test_one_stray_among_two_numbers_is_enough() -> None:
    message = complaint(rows("age,kind", "1,a", "x,b", "3,a"))
    assert "row 3, column 'age': expected a number, but got 'x'" in message


@pytest.mark.parametrize("text", ["inf", "-Infinity", "1e999"])
def test_infinite_values(text: str) -> None:
    message = complaint(rows("age,kind", *AGES, f"{text},a"))
    assert (
        message == f"file.csv: row 22, column 'age': infinite value {text!r}: correct or remove it"
    )


def test_a_stray_text_among_numbers_to_predict() -> None:
    message = complaint(rows("age,kind", "1,0.5", "2,0.7", "3,much"))
    assert message == (
        "file.csv: row 4, column 'kind': expected a number, but got 'much'"
        " (class labels? set `task: classification`)"
    )


def test_a_long_text_is_cut() -> None:
    message = complaint(rows("age,kind", *AGES, f"{'x' * 5000},a"))
    assert len(message) < 250


def test_values_too_large_to_average() -> None:
    message = complaint(rows("age,kind", "1e308,a", "-1e308,b", "1e308,a", "-1e308,b"))
    assert "column 'age': the values are too large" in message


def test_rows_unlike_the_header_are_said_beside_what_else_is_wrong() -> None:
    assert complaints(rows("age,kind", *AGES, "7", "much,a", ",b", "8,a,b")) == [
        "file.csv: row 22 has 1 cell, but the header names 2 columns",
        "file.csv: row 25 has 3 cells, but the header names 2 columns; a cell that holds ',' must"
        " stand in quotes",
        "file.csv: row 24, column 'age': missing value (set `missing: drop` or `mean`)",
        "file.csv: row 23, column 'age': expected a number, but got 'much' (words? `columns:"
        " {age: category}`)",
    ]


# Columns -------------------------------------------------------------------------------------


def test_a_missing_target_column_suggests_one() -> None:
    assert complaint(rows("age,kind", *AGES), target="kinds") == (
        "file.csv: no column 'kinds'; the table has 'age', 'kind'; did you mean 'kind'?"
        " (`target` of the config)"
    )


def test_missing_features_are_all_named() -> None:
    message = complaint(rows("age,kind", *AGES), features=("size", "age", "weight"))
    assert "no columns 'size', 'weight'; the table has 'age', 'kind'" in message
    assert "`features`" in message


def test_a_wrong_delimiter_is_suspected_where_there_is_one_column() -> None:
    message = complaint(rows("age;kind", "1;a", "2;b"))
    assert "the table has 'age;kind'" in message
    assert "is the delimiter right?" in message


def test_a_header_of_numbers_is_suspected_to_be_none() -> None:
    assert "is the header row missing?" in complaint(rows("5.1,3.5,0", "4.9,3.0,1"))


def test_the_target_alone_teaches_nothing() -> None:
    assert "the target 'kind' is the only column" in complaint(rows("kind", "a", "b"))


def test_a_column_without_a_name() -> None:
    assert complaint(rows(",age,kind", "0,1,a", "1,2,b")) == (
        "file.csv: row 1: column 1 has no name: leave it out, with `drop: [column 1]`, or name it"
    )


def test_two_columns_of_one_name() -> None:
    message = complaint(rows("age,age,kind", "0,1,a"))
    assert message == "file.csv: row 1: two columns are named 'age'; rename one"


def test_more_columns_than_a_table_has() -> None:
    header = ",".join(f"c{i}" for i in range(10_001))
    assert complaint(header + "\n") == (
        "file.csv: has 10,001 columns; at most 10,000 are read; use `arrays`"
    )


def test_an_empty_column() -> None:
    message = complaint(rows("age,kind", ",a", ",b", ",a"), missing="mean")
    assert message == "file.csv: column 'age' holds no value: remove it (`drop`)"


def test_names_in_a_column_are_no_categories() -> None:
    lines = [f"person {i},{'ab'[i % 2]}" for i in range(60)]
    message = complaint(rows("name,kind", *lines))
    assert message.startswith("file.csv: column 'name' holds 60 different texts in 60 rows")
    assert "`drop`" in message


# Targets -------------------------------------------------------------------------------------


def test_a_single_class() -> None:
    assert complaint(rows("age,kind", "1,a", "2,a")) == (
        "file.csv: target 'kind': each row is of class 'a'; at least two classes are needed"
    )


def test_as_many_classes_as_rows() -> None:
    message = complaint(rows("age,kind", *(f"{i},{i}.5" for i in range(60))), task="classification")
    assert "target 'kind' holds 60 different classes in 60 rows" in message
    assert "`task: regression`" in message


def test_labels_where_numbers_are_asked_for() -> None:
    message = complaint(rows("age,kind", "1,a", "2,b"), task="regression")
    assert message.startswith("file.csv: row 2, column 'kind': expected a number, but got 'a'")


def test_a_class_that_only_the_test_file_has() -> None:
    message = complaint(rows("age,kind", *AGES), test=rows("age,kind", "1,a", "2,c"))
    assert message == (
        "test.csv: row 3, column 'kind': unknown class 'c'; the training file has 'a', 'b'"
    )


def test_too_few_rows_to_split() -> None:
    assert "file.csv: 2 rows can't be split" in complaint(rows("age,kind", "1,a", "2,b"))


@pytest.mark.parametrize(
    ("price", "advice"),
    [
        ("€ {},313", ", with `strip: ['€']`"),
        ("{},5", ' (is `decimal` right? "," would read it)'),
    ],
)
def test_a_target_of_which_each_row_has_its_own_text(price: str, advice: str) -> None:
    lines = [f'{i},"{price.format(i)}"' for i in range(10, 20)]
    message = complaint(rows("age,kind", *lines))
    assert "target 'kind' holds 10 different classes in 10 rows" in message
    assert message.endswith(f"numbers need `task: regression`{advice}")


@pytest.mark.parametrize(
    ("texts", "advice"),
    [
        (
            [f"{i},5" for i in range(60)],
            'make numbers of them (is `decimal` right? "," would read it)',
        ),
        ([f"{i} kg" for i in range(60)], "make numbers of them, with `strip: ['kg']`"),
        ([f"2025-01-{i}" for i in range(60)], "make numbers of them"),
    ],
    ids=["decimal commas", "units", "dates"],
)
def test_a_column_of_which_each_row_has_its_own_text(texts: list[str], advice: str) -> None:
    message = complaint(rows("x,kind", *(f'"{x}",{"ab"[i % 2]}' for i, x in enumerate(texts))))
    assert "column 'x' holds 60 different texts in 60 rows" in message
    assert advice in message
    for word in ("strip", "decimal"):
        assert (word in advice) == (word in message)


@pytest.mark.parametrize(("delimiter", "shown"), [(";", '";"'), ("\t", '"\\t"'), ("|", '"|"')])
def test_another_delimiter_is_named_once_not_for_each_row(delimiter: str, shown: str) -> None:
    german = rows("age;kind", *(f"{i},5;{'ab'[i % 2]}" for i in range(20)))
    message = complaint(german.replace(";", delimiter))
    assert message.startswith("file.csv: the header is one column, 'age")
    assert message.endswith(f": is the delimiter right? {shown} would split it")


def test_a_column_in_other_letters_is_guessed() -> None:
    assert "did you mean 'k'?" in complaint(rows("age,k", *AGES), target="K")


def test_dropping_may_leave_nothing() -> None:
    message = complaint(rows("age,kind", ",a", "2,"), missing="drop")
    assert message == "file.csv: `missing: drop` leaves no row: each lacks some value"


# The test file -------------------------------------------------------------------------------


def test_the_test_file_is_named_when_it_is_the_wrong_one() -> None:
    train = rows("age,colour,kind", "1,red,a", "2,blue,b")
    assert complaint(train, test=rows("age,kind", "1,a")).startswith("test.csv: no column 'colour'")
    assert complaint(train, test=rows("age,colour,kind", "1,green,a")) == (
        "test.csv: row 2, column 'colour': unknown category 'green'; known are 'blue', 'red'"
    )
    assert complaint(train, test=rows("age,colour,kind", "old,red,a")) == (
        "test.csv: row 2, column 'age': expected a number, but got 'old'"
    )
    assert complaint(train, test=rows("age,colour,kind", ",red,a")).startswith(
        "test.csv: row 2, column 'age': missing value (set `missing"
    )


# Prediction ----------------------------------------------------------------------------------


def fitted() -> Preprocessing:
    Path("file.csv").write_text(rows("age,colour,kind", "1,red,a", "2,blue,b", "3,red,a"))
    spec = CsvData(path=Path("file.csv"), target="kind")
    preprocessing = load_dataset(spec, np.random.default_rng(0)).preprocessing
    assert preprocessing is not None
    return preprocessing


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("age,color\n1,red\n", "no column 'colour'; the table has 'age', 'color'; did you mean"),
        ("age,colour\n1,red\n2,green\n", "row 3, column 'colour': unknown category 'green'"),
        ("age,colour\n1,red\nx,red\n", "row 3, column 'age': expected a number, but got 'x'"),
        ("age,colour\n1,red\n,red\n", "row 3, column 'age': missing value"),
        ("age,colour\n1,red\n2,\n", "row 3, column 'colour': missing value"),
        ("age,colour\n1,red\ninf,red\n", "row 3, column 'age': infinite value"),
    ],
)
def test_new_rows_that_the_training_never_saw_the_like_of(content: str, message: str) -> None:
    preprocessing = fitted()
    Path("new.csv").write_text(content)
    with pytest.raises(DataError) as error:
        preprocessing.transform(read_table("new.csv"), file="new.csv")
    assert str(error.value).startswith(f"new.csv: {message}")


@pytest.mark.parametrize("column", [0, 1])
def test_values_too_large_to_average_are_said(column: int, tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    rows = [[str(i), f"{i}.5"] for i in range(8)]
    for row in rows:
        row[column] = "-1e308"
    path.write_text("x,fruit\n" + "".join(",".join(row) + "\n" for row in rows))
    spec = CsvData(path=path, target="fruit", task="regression")
    with pytest.raises(DataError, match="values are too large to average"):
        load_dataset(spec, np.random.default_rng(0))


# All at once ---------------------------------------------------------------------------------


def test_all_ragged_rows_and_bad_heads_are_said_at_once() -> None:
    found = complaints(rows("age,age,,kind", "1,2,3,a", "1", "", "1,2,3,b", "1,2,3,4,5"))
    assert [line.partition(": ")[2].split(";")[0] for line in found] == [
        "row 1: two columns are named 'age'",
        "row 3 has 1 cell, but the header names 4 columns",
        "row 6 has 5 cells, but the header names 4 columns",
    ]


def test_bad_cells_of_all_columns_and_of_the_test_file_are_said_at_once() -> None:
    table = rows(
        "age,size,kind", *(f"{line.replace(',', ',3,')}" for line in AGES), "x,inf,a", ",y,"
    )
    found = complaints(table, test=rows("age,size,kind", "1,2,a", ",,b"))
    assert [line.split(": ")[:2] for line in found] == [
        ["file.csv", "row 23, column 'age'"],
        ["file.csv", "row 23, column 'kind'"],
        ["file.csv", "row 22, column 'age'"],
        ["file.csv", "row 23, column 'size'"],
        ["file.csv", "row 22, column 'size'"],
        ["test.csv", "row 3, column 'age'"],
        ["test.csv", "row 3, column 'size'"],
    ]


def test_the_test_file_is_compared_with_the_training_file_in_all_columns() -> None:
    train = rows("age,colour,kind", "1,red,a", "2,blue,b")
    found = complaints(train, test=rows("age,colour,kind", "old,green,c"))
    assert [line.split("column ")[1].partition(":")[0] for line in found] == [
        "'age'",
        "'colour'",
        "'kind'",
    ]


def test_ten_thousand_problems_are_not_all_listed() -> None:
    found = complaints(rows("age,kind", *["1"] * 10_000))
    assert len(found) == 51
    assert found[-1] == "and 9,950 more problems"
