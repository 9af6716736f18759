"""Twelve tables as people have them: `new --from`, `train` and `predict` work the first time."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from trainings import minidl

ROWS = 80


def table(
    row: Callable[[random.Random, int], list[object]],
    head: str = "",
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> bytes:
    """Rows drawn one after the other, below a head."""
    dice = random.Random(0)
    lines = [head] * bool(head) + [delimiter.join(map(str, row(dice, n))) for n in range(ROWS)]
    return ("\n".join(lines) + "\n").encode(encoding)


def two(dice: random.Random) -> tuple[float, float]:
    return round(dice.gauss(0, 1), 3), round(dice.gauss(5, 2), 3)


@dataclass(frozen=True)
class Case:
    """A table, and the labels that predictions must have; None for a regression."""

    content: bytes
    labels: set[str] | None


def missing_marks(dice: random.Random, n: int) -> list[object]:
    x, y = two(dice)
    return ["?" if n % 9 == 0 else x, y, "good" if x > 0 else "bad"]


def nameless_index(dice: random.Random, n: int) -> list[object]:
    x, y = two(dice)
    return [n, x, y, "a" if x > 0 else "b"]


def missing_words(dice: random.Random, n: int) -> list[object]:
    x, _ = two(dice)
    return [x, "" if n % 7 == 0 else dice.choice(["red", "green"]), "a" if x > 0 else "b"]


def numbers_alone(dice: random.Random, n: int) -> list[object]:
    x, y = two(dice)
    return [x, y, n % 3]


def dates(dice: random.Random, n: int) -> list[object]:
    x, _ = two(dice)
    return [f"2024-{1 + n % 12:02}-{1 + n % 28:02}", x, round(3 * x + n % 12, 2)]


def cities(dice: random.Random, n: int) -> list[object]:
    x, _ = two(dice)
    return [dice.choice(["Köln", "Paris", "Málaga"]), x, "ja" if x > 0 else "nein"]


def countries(dice: random.Random, n: int) -> list[object]:
    x, _ = two(dice)
    return [dice.choice(["NA", "ZA", "BW"]), x, "wet" if x > 0 else "dry"]


def long_ids(dice: random.Random, n: int) -> list[object]:
    x, y = two(dice)
    return [x, y, 1234567890123456780 + (x > 0)]


def postal_codes(dice: random.Random, n: int) -> list[object]:
    x, y = two(dice)
    return [x, y, "02139" if x > 0 else "10115"]


def signs(dice: random.Random, n: int) -> list[object]:
    x, y = two(dice)
    return [x, y, "+" if x > 0 else "-"]


def money(dice: random.Random, n: int) -> list[object]:
    x, y = two(dice)
    return [f'"${1000 + 250 * (n % 9):,}"', f"{5 + y:.1f}%", round(x + y, 2)]


def decimal_commas(dice: random.Random, n: int) -> list[object]:
    return [*(str(value).replace(".", ",") for value in two(dice)), "x" if n % 2 else "y"]


TABLES = {
    "? for missing": Case(table(missing_marks, "x,y,kind"), {"good", "bad"}),
    "an index without a name": Case(table(nameless_index, ",x,y,kind"), {"a", "b"}),
    "missing words": Case(table(missing_words, "x,colour,kind"), {"a", "b"}),
    "no header": Case(table(numbers_alone), {"0", "1", "2"}),
    "spaces between": Case(table(nameless_index, "id x y kind", "  "), {"a", "b"}),
    "a date": Case(table(dates, "day,x,price"), None),
    "latin-1": Case(table(cities, "Stadt;Länge;Urteil", ";", "latin-1"), {"ja", "nein"}),
    "NA for Namibia": Case(table(countries, "country,rain,season"), {"wet", "dry"}),
    "ids of 19 digits": Case(
        table(long_ids, "x,y,id"), {"1234567890123456780", "1234567890123456781"}
    ),
    "postal codes": Case(table(postal_codes, "x,y,code"), {"02139", "10115"}),
    "signs": Case(table(signs, "x,y,charge"), {"+", "-"}),
    "money and percent": Case(table(money, "price,rate,total"), None),
    "decimal commas": Case(table(decimal_commas, "x;y;kind", ";"), {"x", "y"}),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::minidl.errors.MinidlWarning")
@pytest.mark.parametrize("name", TABLES)
def test_a_table_trains_and_predicts_itself_the_first_time(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    case = TABLES[name]
    Path("data.csv").write_bytes(case.content)
    for command in (
        ["new", "first.yaml", "--from", "data.csv"],
        ["validate", "first.yaml", "--data"],
        ["train", "first.yaml", "training.epochs=3", "--quiet"],
    ):
        done = minidl(*command)
        assert done.code == 0, done.err
    predicted = minidl("predict", done.out.strip(), "data.csv")
    assert predicted.code == 0, predicted.err
    head, *rows = csv.reader(predicted.out.splitlines())
    assert len(rows) == ROWS
    assert "problem" not in head
    answers = [row[1] for row in rows]  # behind the row's number, under the target's name
    if case.labels is None:
        assert all(map(float, answers))
    else:
        assert set(answers) <= case.labels
