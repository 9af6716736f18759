"""Tables in other formats than text, in several files, and from standard input."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from minidl.data import Dataset, load_dataset
from minidl.data import source as sources
from minidl.errors import DataError
from minidl.spec import CsvData

TABLE = pd.DataFrame(
    {
        "id": [1234567890123456781 + i for i in range(8)],
        "size": [1.5, 2.5, None, 4.0, 5.0, 6.5, 7.0, 8.0],
        "colour": pd.Categorical(["red", "green", "red", "red", "green", "green", "red", "green"]),
        "fresh": [True, False] * 4,
        "day": pd.date_range("2024-02-27", periods=8),
        "zip": ["02139", "02140"] * 4,
        "kind": ["a", "b"] * 4,
    }
)
PARQUET = (("pyarrow", "t.parquet", "to_parquet"), ("pyarrow", "t.feather", "to_feather"))
FILES = [*PARQUET, ("openpyxl", "t.xlsx", "to_excel")]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(path: str | tuple[str, ...], target: str = "kind", **options: Any) -> Dataset:
    paths = tuple(map(Path, path)) if isinstance(path, tuple) else Path(path)
    types = {"date": ("day",), "boolean": ("fresh",), "category": ("zip",)}
    options = {"types": types, "drop": ("id",), "missing": "mean", **options}
    spec = CsvData.model_validate({"path": paths, "target": target, **options})
    return load_dataset(spec, np.random.default_rng(0))


def same(one: Dataset, other: Dataset) -> bool:
    return (
        one.feature_names == other.feature_names
        and one.class_names == other.class_names
        and np.array_equal(one.train.inputs, other.train.inputs)
        and np.array_equal(one.test.targets, other.test.targets)
    )


@pytest.mark.parametrize(("package", "path", "write"), FILES, ids=lambda value: str(value))
def test_each_format_gives_what_the_csv_gives(package: str, path: str, write: str) -> None:
    pytest.importorskip(package)
    TABLE.to_csv("t.csv", index=False)
    options = {"index": False} if path == "t.xlsx" else {}
    getattr(TABLE.astype({"id": str}) if options else TABLE, write)(path, **options)
    assert same(load(path), load("t.csv"))


@pytest.mark.parametrize(("package", "path", "write"), PARQUET, ids=lambda value: str(value))
def test_large_integers_stay_the_labels_that_they_are(package: str, path: str, write: str) -> None:
    pytest.importorskip(package)
    table = pd.concat([TABLE, TABLE])
    table = table.reset_index(drop=True).astype({"id": "Int64"})
    getattr(table, write)(path)
    data = load(path, "id", drop=("kind",), task="classification")
    assert data.class_names == tuple(str(1234567890123456781 + i) for i in range(8))


def test_rows_of_a_sheet_have_its_numbers_and_those_of_parquet_count_from_0() -> None:
    for package, path, write, first in (
        ("pyarrow", "t.parquet", "to_parquet", 0),
        ("openpyxl", "t.xlsx", "to_excel", 2),
    ):
        pytest.importorskip(package)
        getattr(TABLE, write)(path, index=False)
        data = load(path)
        assert data.train.rows is not None
        assert data.test.rows is not None
        assert sorted([*data.train.rows, *data.test.rows]) == list(range(first, first + 8))
        with pytest.raises(DataError, match=rf"{path}: row {first + 2}, column 'size': missing"):
            load(path, missing="error")


@pytest.mark.parametrize(
    ("package", "path", "advice"),
    [
        (
            "pyarrow",
            "t.parquet",
            r'Parquet needs the package pyarrow: pip install "minidl\[parquet',
        ),
        ("openpyxl", "t.xlsx", r'Excel needs the package openpyxl: pip install "minidl\[excel'),
    ],
)
def test_a_missing_package_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, package: str, path: str, advice: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    Path(path).write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match=rf"^{path}: {advice}") as caught:
        load(path)
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(("package", "path", "write"), FILES, ids=lambda value: str(value))
def test_a_damaged_file_is_named(package: str, path: str, write: str) -> None:
    pytest.importorskip(package)
    getattr(TABLE.astype({"id": str}), write)(path)
    content = Path(path).read_bytes()
    for damaged in (content[: len(content) // 2], b"a,b\n1,2\n", content[:-40] + b"\0" * 40):
        Path(path).write_bytes(damaged)
        with pytest.raises(DataError, match=rf"^{path}: can't be read as"):
            load(path)


# Several files ---------------------------------------------------------------------------------


def halves() -> None:
    TABLE.to_csv("t.csv", index=False)
    TABLE[:4].to_csv("part-1.csv", index=False)
    TABLE[4:].to_csv("part-2.csv", index=False)


@pytest.mark.parametrize("path", ["part-*.csv", ("part-1.csv", "part-2.csv")])
def test_several_files_are_one_table(path: str | tuple[str, ...]) -> None:
    halves()
    data = load(path)
    assert same(data, load("t.csv"))
    found = [
        (file, row)
        for part in (data.train, data.test)
        for file, row in zip(part.files, part.rows, strict=True)  # type: ignore[arg-type]
    ]
    assert sorted(found) == [(file, row) for file in (0, 1) for row in (2, 3, 4, 5)]


def test_an_error_names_the_row_and_its_file() -> None:
    halves()
    text = Path("part-2.csv").read_text().replace("6.5", "x6").replace("8.0", "x6")
    Path("part-2.csv").write_text(text)
    with pytest.raises(DataError, match=r"row 3 of part-2.csv, column 'size': .*5 of part-2.csv"):
        load("part-*.csv", columns={"size": {"type": "number"}})


def test_a_column_that_one_file_lacks_is_named_with_the_file() -> None:
    halves()
    TABLE[4:].drop(columns="zip").to_csv("part-2.csv", index=False)
    with pytest.raises(DataError, match=r"^part-2.csv: no column 'zip'"):
        load("part-*.csv")


def test_words_in_one_file_make_words_of_the_numbers_in_another() -> None:
    pd.DataFrame({"x": range(70_000), "code": 7, "kind": ["a", "b"] * 35_000}).to_csv(
        "part-1.csv",
        index=False,  # large enough to be read fast
    )
    pd.DataFrame({"x": range(80_000), "code": "c", "kind": ["a", "b"] * 40_000}).to_csv(
        "part-2.csv", index=False
    )
    data = load("part-*.csv", types={}, drop=())
    assert data.feature_names == ("x", "code=7", "code=c")


def test_a_pattern_that_finds_nothing_is_named() -> None:
    with pytest.raises(DataError, match=r"^part-\*.csv: no file has such a name"):
        load("part-*.csv")


# Standard input --------------------------------------------------------------------------------


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def pipe(text: str) -> None:
        sources._standard_input.cache_clear()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    return pipe


def test_standard_input_is_a_table_and_can_be_asked_for_twice(piped: Callable[[str], None]) -> None:
    halves()
    piped(Path("t.csv").read_text())
    assert same(load("-"), load("t.csv"))
    assert same(load("-"), load("t.csv"))
    piped("")
    with pytest.raises(DataError, match=r"^standard input: is empty"):
        load("-")
