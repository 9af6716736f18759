"""Long words on several lines, and settings as short as they stay unlike."""

from __future__ import annotations

from typing import Any

import pytest

from minidl.report.members.settings import labels, varying
from minidl.report.tables.escape import columns
from minidl.report.tables.fold import fold, longest_word


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("short", 10, ["short"]),
        ("", 10, [""]),
        ("test accuracy (%)", 9, ["test", "accuracy", "(%)"]),
        ("lr=0.001,activation=relu", 12, ["lr=0.001,", "activation=", "relu"]),
        ("lr=0.001", 4, ["lr=", "0.00", "1"]),
        ("optimizer.lr", 10, ["optimizer.", "lr"]),
        ("apples-20261121-120932-4cee28b2", 16, ["apples-", "20261121-120932-", "4cee28b2"]),
        ("multistep(milestones=[2, 3])", 24, ["multistep(milestones=[2,", "3])"]),
        ("猫" * 5, 4, ["猫猫", "猫猫", "猫"]),
        ("猫", 1, ["猫"]),
    ],
)
def test_lines_end_between_words_and_never_in_a_number_that_fits(
    text: str, width: int, lines: list[str]
) -> None:
    assert fold(text, width).split("\n") == lines


@pytest.mark.parametrize("width", range(1, 40))
def test_nothing_but_spaces_is_lost_and_no_line_is_too_wide(width: int) -> None:
    text = "a_rather_long_name, with=0.25 (and) words of all/kinds.of supercalifragilistic kind"
    rows = fold(text, width).split("\n")
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")
    assert max(map(columns, rows)) <= width
    whole = fold(text, width, whole=True).split("\n")
    assert max(map(columns, whole)) <= max(width, longest_word(text))


def test_labels_are_as_short_as_they_stay_unlike() -> None:
    third = 1 / 3
    assert labels([0.1, third, 0.25]) == ["0.1", "0.3333", "0.25"]
    assert labels([third, third + 1e-7]) == ["0.3333333", "0.3333334"]
    assert labels([0.12345, 1, None, "relu", True]) == ["0.12345", "1", "none", "relu", "true"]
    assert labels(["/home/a/data/x.csv", "/home/a/y.csv", None]) == ["data/x.csv", "y.csv", "none"]
    assert labels(["/home/a/x.csv"]) == ["x.csv"]
    assert labels(["/home/a/x.csv", "relative"]) == ["/home/a/x.csv", "relative"]
    assert labels(["ab" * 32, "cd" * 32]) == ["abababab", "cdcdcdcd"]


def test_hashes_tell_apart_only_what_nothing_else_does() -> None:
    def of(path: str, digest: str) -> dict[str, Any]:
        return {"data": "csv", "data.path": path, "data.sha256": digest * 64}

    assert varying([of("/a", "0"), of("/b", "1")]) == ["data.path"]
    assert varying([of("/a", "0"), of("/a", "1")]) == ["data.sha256"]
    assert varying([of("/a", "0"), of("/a", "0")]) == []
    both = [of("/a", "0"), of("/a", "1"), of("/b", "1")]
    assert varying(both) == ["data.path", "data.sha256"]
    assert varying([{"data": "disk"}, of("/a", "0")]) == ["data"]
