"""Tables as people bring them: `new --from` says all about one; training and predicting work."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from trainings import minidl, plainly

from minidl.spec import CsvData, load_spec

ROWS = range(30)


def table(head: str, line: Callable[[int], str], rows: range = ROWS) -> str:
    return "\n".join(filter(None, [head, *map(line, rows)])) + "\n"


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("table.csv", content)
    return packed.getvalue()


@dataclass(frozen=True)
class Case:
    """A table, and what must be found: the config has all of `says`, and these kinds."""

    text: str
    says: dict[str, object]
    kinds: dict[str, str]
    drops: tuple[str, ...] = ()
    target: str = ""
    encoding: str = "utf-8"
    pack: Callable[[bytes], bytes] = bytes
    unpredicted: int = 0


CASES = {
    "gaps, an id and a class of digits": Case(
        table(
            "passenger_id,age,cabin,survived",
            lambda i: (
                f"{i + 1},{20 + i % 9 if i % 7 else ''},{'ABC'[i % 3] if i % 4 else ''},{i % 2}"
            ),
        ),
        {"task": "classification", "indicator": True},
        {"age": "number", "cabin": "category"},
        ("passenger_id",),
    ),
    "decimal commas, thousands, latin-1": Case(
        table(
            "Größe;Straße;Preis",
            lambda i: f"{i % 7},5;{'Höhe' if i % 2 else 'Tal'};1.{i + 200},50",
        ),
        {"decimal": ",", "thousands": ".", "delimiter": ";", "encoding": "cp1252"},
        {"Größe": "number", "Straße": "category"},
        encoding="latin-1",
        target="Preis",
    ),
    "blanks, question marks and no header": Case(
        table(
            "", lambda i: f'{i % 9}.5   {"?" if i % 8 == 1 else i * 3}\t "ford {i % 3}"  {i % 3}'
        ),
        {"delimiter": "whitespace", "header": False, "missing_values": ("?",)},
        {"x1": "number", "x2": "number", "x3": "category"},
    ),
    "a nameless index and NaN": Case(
        table(
            ",x,y,label", lambda i: f"{i},{i / 7:.3f},{'NaN' if i == 5 else i % 4},{'ab'[i % 2]}"
        ),
        {"missing_values": ("NaN",)},
        {"x": "number", "y": "number"},
        ("column 1",),
    ),
    "NA for Namibia, + and - for labels": Case(
        table("country,gdp,sign", lambda i: f"{['NA', 'US', 'DE'][i % 3]},{i % 11},{'+-'[i % 2]}"),
        {"missing_values": ()},
        {"country": "category", "gdp": "number"},
    ),
    "dates and a float to predict": Case(
        table(
            "when,day,load",
            lambda i: (
                f"2024-{1 + i % 12:02}-{1 + i % 28:02} {i % 24:02}:00,"
                f"{1 + i % 28:02}.03.2023,{i / 3:.2f}"
            ),
        ),
        {"task": "regression"},
        {"when": "date", "day": "date"},
    ),
    "comments, tabs and gzip": Case(
        "# by hand\n# 2024\n"
        + table("a\tb\tlabel", lambda i: f"{i % 5}\t{i % 7}.25\t{'no' if i % 3 else 'yes'}"),
        {"delimiter": "\t", "comment": "#"},
        {"a": "number", "b": "number"},
        pack=gzip.compress,
    ),
    "postal codes and labels of 19 digits": Case(
        table(
            "zip,x,label",
            lambda i: f"{['02139', '00501', '10001'][i % 3]},{i % 8},{1234567890123456781 + i % 2}",
        ),
        {"task": "classification"},
        {"zip": "category", "x": "number"},
        pack=zipped,
    ),
    "money, percent and units": Case(
        table(
            "rent,rate,weight,price",
            lambda i: f'"$1,{200 + 7 * i}",{i % 9}.5%,{i + 1} kg,"€ {i + 3},{100 + i}"',
        ),
        {"thousands": ",", "task": "regression"},
        {"rent": "number", "rate": "number", "weight": "number"},
    ),
    "two columns of one name, a constant, a copy": Case(
        table("x,x,same,copy,kind", lambda i: f"{i % 7},{i % 5},1,{i % 7},{'uv'[i % 2]}"),
        {"header": ("x", "x 2", "same", "copy", "kind"), "skip_rows": 1},
        {"x": "number", "x 2": "number"},
        ("same", "copy"),
    ),
    "texts, yes and no, and none for a word": Case(
        table(
            "review,again,drinks,stars",
            lambda i: (
                f'"A {["very good", "rather bad"][i % 2]} dish, number {i} of all",'
                f"{['no', 'yes'][i % 2]},{'none' if i % 3 else 'some'},{['bad', 'good'][i % 2]}"
            ),
        ),
        {},
        {"review": "text", "again": "boolean", "drinks": "category"},
    ),
    "rows' names without a head, a title, N/A": Case(
        "A table of R\n\n"
        + table(
            '"hp" "wt" "kind"',
            lambda i: f'"car {i}" {"N/A" if i == 9 else 90 + i % 13} {i % 4}.5 "{"ab"[i % 2]}"',
        ),
        {"missing_values": ("N/A",), "delimiter": "whitespace"},
        {"hp": "number", "wt": "number"},
        ("row",),
    ),
    "UTF-16, an outlier and a gap in the target": Case(
        table(
            "x,income,kind",
            lambda i: (
                f"{i % 6},{10**9 if i == 4 else 30_000 + i % 17},{'' if i == 7 else 'pq'[i % 2]}"
            ),
        ),
        {"encoding": "utf-16"},
        {"x": "number", "income": "number"},
        encoding="utf-16",
    ),
    "columns named as the predictions' are": Case(
        table(
            "row,problem,part,kind",
            lambda i: f"{i % 7},{'none' if i % 2 else 'big'},{i % 5}.5,{'uv'[i % 2]}",
        ),
        {},
        {"row": "number", "problem": "category", "part": "number"},
    ),
}


@plainly
@pytest.mark.filterwarnings("ignore:.*leaves out 1 of:minidl.errors.MinidlWarning")
@pytest.mark.parametrize("name", CASES)
def test_a_table_is_right_the_first_time(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    case = CASES[name]
    Path("table.csv").write_bytes(case.pack(case.text.encode(case.encoding)))
    wanted = ("--target", case.target) if case.target else ()
    made = minidl("new", "c.yaml", "--from", "table.csv", *wanted)
    assert made.code == 0, made.err
    data = load_spec("c.yaml").data
    assert isinstance(data, CsvData)
    assert {key: getattr(data, key) for key in case.says} == case.says
    assert {name: column.type for name, column in data.columns.items()} | case.kinds == {
        **case.kinds,
        **{n: c.type for n, c in data.columns.items() if n == data.target},
    }
    assert data.drop == case.drops

    trained = minidl("train", "c.yaml", "training.epochs=2", "--name", "a", "--device", "cpu")
    assert trained.code == 0, trained.err
    predicted = minidl("predict", "runs/a", "table.csv", "--inputs", "-o", "out.csv")
    assert predicted.code == 0, predicted.err
    rows = list(csv.DictReader(io.StringIO(Path("out.csv").read_text())))
    assert len(rows) == len(ROWS)
    assert "problem" not in rows[0] or "problem" in case.kinds
    (metric,) = predicted.err.splitlines()[1:]
    assert metric.startswith("mse" if data.task == "regression" else "accuracy")


def test_there_are_twelve_tables_at_least() -> None:
    assert len(CASES) >= 12


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a,b\n1,2\n", ("--target", "c"), "no column 'c'; the table has 'a', 'b' (--target)"),
        ("a,b\n1,2\n3,2\n", ("--target", "b"), "target 'b': always '2': there is nothing to learn"),
        ("", (), "t.csv: is empty"),
        (
            table("a,b", lambda i: f"{i % 7},name{i}"),
            ("--target", "b"),
            "target 'b' holds 30 different words in 30 rows",
        ),
    ],
)
def test_a_table_that_can_not_be_learned_from_is_said_in_one_line(
    text: str, options: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text(text)
    made = minidl("new", tmp_path / "c.yaml", "--from", tmp_path / "t.csv", *options)
    assert made.code == 2
    assert message in made.err
    assert len(made.err.splitlines()) == 1
    assert not (tmp_path / "c.yaml").exists()
