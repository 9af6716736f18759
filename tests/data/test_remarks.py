"""What is remarked on data before it is trained on: each thing in one line, and nothing twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data.helpers import rows

from minidl.data import load_dataset, remarks
from minidl.spec import parse_spec

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")

RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=(60, 2)).round(3)


def said(head: str, *columns: object, options: str = "") -> list[str]:
    """Of a table with two columns of noise, these, and a label."""
    cells = [[str(cell) for cell in np.atleast_1d(column)] for column in columns]  # type: ignore[call-overload]
    lines = (
        ",".join([*map(str, NOISE[i]), *(column[i] for column in cells), "ab"[i * 7 % 3 % 2]])
        for i in range(60)
    )
    Path("t.csv").write_text(rows(f"u,v,{head}y" if head else "u,v,y", *lines))
    config = f"data: {{type: csv, path: t.csv, target: y, {options}}}\nmodel: mlp\n"
    spec = parse_spec(config, folder=Path.cwd())
    return remarks(load_dataset(spec.data, np.random.default_rng(0)))


def test_there_is_nothing_to_say_of_sound_data() -> None:
    assert said("") == []


@pytest.mark.parametrize(
    ("head", "column", "options", "message"),
    [
        ("n,", np.arange(60) + 7, "", "'n' numbers the rows, it seems: leave it out (data.drop)"),
        ("k,", np.zeros(60), "", "'k' is nearly always the same"),
        ("t,", [f"{i * 7 % 3 % 2}" for i in range(60)], "", "'t' gives the target away"),
        ("o,", [*NOISE[:59, 0] * 2, 1e6], "", "'o' has outliers that drown the other values"),
        (
            "d,",
            [f"2024-01-0{1 + i % 9}" for i in range(60)],
            "",
            "'d' holds dates as words: say so (data.columns: {d: date})",
        ),
        (
            "w,",
            [f"w{i % 50}" for i in range(60)],
            "test_fraction: 0.5",
            "more inputs (52) than training rows (30)",
        ),
    ],
    ids=lambda value: value[:1] if isinstance(value, str) else "",
)
def test_a_remark_names_the_column_and_what_answers_it(
    head: str, column: object, options: str, message: str
) -> None:
    found = [line for line in said(head, column, options=options) if message in line]
    assert len(found) == 1


def test_rows_of_both_parts_and_rare_classes_are_counted() -> None:
    lines = [f"{i % 3},{i % 3},{'ab'[i % 2]}" for i in range(40)]
    Path("t.csv").write_text(rows("u,v,y", *lines, "9,9,c", "8,9,c"))
    spec = parse_spec("data: {type: csv, path: t.csv, target: y}\nmodel: mlp\n", folder=Path.cwd())
    found = remarks(load_dataset(spec.data, np.random.default_rng(0)))
    assert any("1 class has fewer than 5 rows ('c')" in line for line in found)
    assert any("test rows stand in the training part, too" in line for line in found)
