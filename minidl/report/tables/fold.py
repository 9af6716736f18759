"""Long words on several lines, cut where a reader would."""

from __future__ import annotations

import re

from minidl.report.tables.escape import columns

# A line may end after these, but no number is cut.
BREAK = re.compile(r"(?<=[\s_,;:=/])|(?<=\.)(?=[A-Za-z])|(?<=[a-z]-)|(?=\()")


def fold(text: str, width: int, whole: bool = False) -> str:
    """Lines of at most `width` columns, cut between words; within one only where it is longer.

    With `whole` no word is cut, however long it is.
    """
    rows: list[str] = []
    for line in text.split("\n"):
        row = ""
        for piece in BREAK.split(line):
            if row and columns((row + piece).rstrip()) > width:
                rows.append(row.rstrip())
                row = ""
            row += piece
            while not whole and len(row) > 1 and columns(row.rstrip()) > width:
                end = max(1, fitting(row, width))
                rows.append(row[:end])
                row = row[end:]
        rows.append(row.rstrip())
    return "\n".join(rows)


def longest_word(text: str) -> int:
    """The width below which `fold` would cut words."""
    return max(columns(piece.rstrip()) for piece in BREAK.split(text))


def fitting(text: str, width: int) -> int:
    """How many characters fill at most `width` columns."""
    end = 0
    while end < len(text) and columns(text[: end + 1]) <= width:
        end += 1
    return end
