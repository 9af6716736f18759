"""Every file that holds no table, or too large a one: one clear message that names it."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.helpers import complaint, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minidl.data import load_dataset, read_table
from minidl.data.csvfile import Dialect
from minidl.errors import DataError, MinidlWarning
from minidl.spec import CsvData

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


@pytest.mark.parametrize(
    ("line", "count"),
    [("1", "1 cell"), ("1,a,more", "3 cells"), ('"1,a"', "1 cell"), ("1.5,2,5,a", "4 cells")],
)
def test_rows_of_another_length_than_the_header(line: str, count: str) -> None:
    message = complaint(rows("age,kind", "1,a", line))
    assert message.startswith(f"file.csv: row 3 has {count}, but the header names 2 columns")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "file.csv: is empty"),
        (b"\n\n , \n", "file.csv: holds blank rows only"),
        (b"age,kind\n", "file.csv: holds a header, but no rows below it"),
        (b"age,kind\n\n\n", "file.csv: holds a header, but no rows below it"),
        (
            "age,kind\n1,caf\u00e9\n".encode("latin-1"),
            "file.csv: line 2: not UTF-8 (byte 0xe9): set `encoding`, often latin-1 or cp1252, or"
            " save the file as UTF-8",
        ),
        (
            "age,kind\n1,a\n".encode("utf-16"),
            "file.csv: line 1: not UTF-8, but UTF-16: set `encoding: utf-16`",
        ),
        (b"age,kind\n1,\0\n", "file.csv: line 2: holds a NUL byte; is it CSV, and in UTF-8?"),
        (b"PK\x03\x04\x14", "file.csv: can't be read as zip: File is not a zip file"),
        (
            b'age,kind\n1,a\n2,"b\n3,a\n',
            "file.csv: row 3: not valid CSV: a quote is opened, but never closed",
        ),
        (
            b'age,kind\n1,"a"b\n',
            "file.csv: row 2: not valid CSV: ',' expected after '\"'",
        ),
        (
            b"age,kind\n1," + b"a" * 200_000 + b"\n",
            "file.csv: row 2: not valid CSV: field larger than field limit (131072)",
        ),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else "",
)
def test_files_that_hold_no_table(content: bytes, message: str) -> None:
    assert complaint(content) == message


def packed_by_zip(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/", "")
        archive.writestr("folder/table.csv", content)
    return packed.getvalue()


@pytest.mark.parametrize("pack", [gzip.compress, packed_by_zip])
def test_a_packed_table_is_unpacked_within_its_limit(
    pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("file.csv").write_bytes(pack(b"a,b\n1,x\n"))
    assert read_table("file.csv").to_dict("list") == {"a": ["1"], "b": ["x"]}
    Path("file.csv").write_bytes(pack(b"a,b\n" + b"1,x\n" * 10_000))
    monkeypatch.setattr("minidl.data.csvfile.MOST_BYTES", 1000)
    with pytest.raises(DataError, match=r"^file.csv: unpacks to more than the 0.000954 MiB"):
        read_table("file.csv")


@pytest.mark.parametrize(
    ("content", "dialect"),
    [
        ("a b\n1   x\n\t2\ty \n", Dialect("whitespace")),
        ("# by hand\na|b\n1|x\n  # between\n2|y\n", Dialect("|", comment="#")),
        ("Title\n\na,b\n1,x\n2,y\n", Dialect(skip_rows=2)),
        ("1,x\n2,y\n", Dialect(header=("a", "b"))),
        ("0\n1,x\n2,y\n", Dialect(header=("a", "b"), skip_rows=1)),
    ],
    ids=["whitespace", "comments", "a title", "no header", "names and a title"],
)
def test_a_file_is_read_as_its_dialect_says(content: str, dialect: Dialect) -> None:
    Path("file.csv").write_text(content)
    table = read_table("file.csv", dialect)
    assert table.to_dict("list") == {"a": ["1", "2"], "b": ["x", "y"]}
    lines = content.splitlines()
    assert [lines[row - 1].split()[0][0] for row in table.index] == ["1", "2"]  # as editors count


def test_columns_without_a_header_are_numbered() -> None:
    Path("file.csv").write_text("1,x\n2,y\n")
    assert list(read_table("file.csv", Dialect(header=False)).columns) == ["x1", "x2"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8"])
def test_an_encoding_that_is_said_is_used(encoding: str) -> None:
    Path("file.csv").write_bytes("größe,b\n1,é\n".encode(encoding))
    assert read_table("file.csv", Dialect(encoding=encoding)).to_dict("list") == {
        "größe": ["1"],
        "b": ["é"],
    }


@pytest.mark.parametrize("encoding", ["klingon", "", "a\0b", "zlib_codec", "hex", "rot13"])
def test_an_encoding_that_there_is_not(encoding: str) -> None:
    with pytest.raises(DataError, match="encoding: there is none named"):
        Dialect(encoding=encoding)


def test_another_encoding_than_the_file_has() -> None:
    Path("file.csv").write_bytes("a,b\n1,é\n".encode())
    with pytest.raises(DataError, match=r"^file.csv: line \d+: isn't written in ascii"):
        read_table("file.csv", Dialect(encoding="ascii"))


def test_names_of_rows_without_a_head() -> None:
    """As R writes a table."""
    Path("file.csv").write_text("a,b\nr1,1,x\nr2,2,y\n")
    with pytest.raises(DataError, match=r"one cell more than the header names.*skip_rows: 1"):
        read_table("file.csv")


CELLS = st.sampled_from(
    ["1", "2.5", "", "a", "b", "inf", '"', "1e999", "\0", "\r", "é", "1,2", "1;2", "-1e308"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=8),
    missing=st.sampled_from(["error", "drop", "mean"]),
    decimal=st.sampled_from([".", ","]),
)
def test_any_cells_end_in_data_or_in_a_data_error(
    table: list[list[str]], missing: Any, decimal: Any
) -> None:
    Path("any.csv").write_text("\n".join(["x;y;kind", *map(";".join, table)]))
    path, options = Path("any.csv"), {"delimiter": ";", "decimal": decimal, "missing": missing}
    spec = CsvData(path=path, target="kind", **options)
    with contextlib.suppress(DataError), warnings.catch_warnings():
        warnings.simplefilter("ignore", MinidlWarning)
        data = load_dataset(spec, np.random.default_rng(0))
        assert np.isfinite(data.train.inputs).all()
        assert np.isfinite(data.test.inputs).all()
        assert len(data.train) >= 1
        assert len(data.test) >= 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes_end_in_a_table_or_in_a_data_error(content: bytes) -> None:
    Path("any.csv").write_bytes(content)
    with contextlib.suppress(DataError):
        read_table("any.csv")


def test_a_missing_file_suggests_its_neighbour() -> None:
    Path("apples.csv").touch()
    with pytest.raises(DataError) as error:
        read_table("aples.csv")
    assert str(error.value) == "aples.csv: there is no such file; did you mean 'apples.csv'?"


def test_a_missing_folder_is_named_too() -> None:
    with pytest.raises(DataError, match=r"nowhere/x\.csv: there is no such file.*folder"):
        read_table("nowhere/x.csv")


def test_a_folder() -> None:
    Path("data").mkdir()
    with pytest.raises(DataError, match=r"^data: is a folder; name a file in it$"):
        read_table("data")


def test_a_pipe_is_not_waited_for() -> None:
    os.mkfifo("pipe.csv")
    with pytest.raises(DataError, match="isn't a regular file"):
        read_table("pipe.csv")


def test_a_file_too_large_to_read_is_refused_unread() -> None:
    with Path("large.csv").open("wb") as file:
        file.truncate(2**40)  # a hole: takes no space on the disk
    with pytest.raises(DataError, match="larger than the 256 MiB"):
        read_table("large.csv")


@pytest.mark.parametrize("path", ["a\0b.csv", "x" * 5000, "file.csv/x.csv"])
def test_paths_that_no_system_takes(path: str) -> None:
    Path("file.csv").touch()
    with pytest.raises(DataError, match="can't be read"):
        read_table(path)


def test_files_elsewhere_are_named_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("below").mkdir()
    monkeypatch.chdir("below")
    with pytest.raises(DataError) as error:
        read_table(tmp_path / "x.csv")
    assert str(error.value).startswith(f"{tmp_path / 'x.csv'}: ")


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n"])
def test_a_delimiter_is_one_character(delimiter: str) -> None:
    Path("file.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="delimiter: expected one character"):
        read_table("file.csv", Dialect(delimiter))


def test_more_cells_than_memory_holds_are_refused_while_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("minidl.data.csvfile.MOST_CELLS", 9)
    assert complaint(rows("age,kind", *["1,a"] * 5)) == (
        "file.csv: has more than the 9 cells that are read; use `arrays`"
    )


WORDS = st.sampled_from(
    ["1", "2.5", "", "a", " b ", "inf", "1e999", "NA", "NaN", "007", "True", "1_0", "é", "-1e308"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    table=st.lists(st.lists(WORDS, min_size=3, max_size=3), min_size=1, max_size=8),
    missing=st.sampled_from(["error", "drop", "mean"]),
    odd=st.sampled_from(["", "1,2", "1,2,3,4", "\n\n", '"1",2,3', "1,2,3\r"]),
)
def test_the_fast_way_to_read_comes_to_the_same(
    table: list[list[str]], missing: Any, odd: str
) -> None:
    lines = ["x,y,kind", *map(",".join, table), odd, "1,2,a", "3,4,b", "5,6,a", "7,8,b"]
    Path("any.csv").write_text("\n".join(lines), newline="")
    spec = CsvData(path=Path("any.csv"), target="kind", missing=missing)

    def load() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MinidlWarning)
            try:
                data = load_dataset(spec, np.random.default_rng(0))
            except DataError as error:
                return [problem.partition(": ")[2].split(": ")[0] for problem in error.problems]
        rows = (data.train.rows, data.test.rows)
        arrays = [data.train.inputs, data.train.targets, data.test.inputs, data.test.targets]
        return [data.class_names, data.feature_names, *(a.tolist() for a in (*arrays, *rows))]  # type: ignore[union-attr]

    careful = load()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minidl.data.fastcsv.LEAST_BYTES", 0)
        assert load() == careful
