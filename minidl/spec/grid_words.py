"""`log(1e-4, 1e-1, 7)`, `range(5)`, `choice(a, b)`: words for the values of a grid, as in Hydra."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

_WORD = re.compile(r"\s*(log|range|choice)\((.*)\)\s*", re.DOTALL)
MOST_VALUES = 100_000  # of one key: a typing mistake shouldn't fill the memory


def grid_values(text: str) -> list[str] | None:
    """The values that a word stands for, as text; None where the text is none.

    log(low, high, count): as many numbers at equal ratios, to four digits. range(stop),
    range(start, stop), range(start, stop, step): integers as Python's, without the stop.
    choice(a, b, …): these. Raises ValueError, which says what was expected.
    """
    match = _WORD.fullmatch(text)
    if match is None:
        return None
    word, given = match[1], [piece.strip() for piece in split_commas(match[2])]
    if not all(given):
        raise ValueError(f"has an empty value in {word}(…)")
    if word == "choice":
        return given
    return _log(given) if word == "log" else _range(given)


def is_grid_word(text: str) -> bool:
    """Whether a text is such a word, rightly used or not."""
    return _WORD.fullmatch(text) is not None


def _log(given: Sequence[str]) -> list[str]:
    expected = "expected log(low, high, count) with 0 < low < high and an integer count ≥ 2"
    try:
        low, high, count = float(given[0]), float(given[1]), int(given[2])
    except (ValueError, IndexError):
        raise ValueError(expected) from None
    if len(given) != 3 or not (0 < low < high < math.inf and 2 <= count <= MOST_VALUES):
        raise ValueError(expected)
    step = (math.log(high) - math.log(low)) / (count - 1)
    values = [f"{low * math.exp(step * index):.4g}" for index in range(count)]
    return list(dict.fromkeys([given[0], *values[1:-1], given[1]]))


def _range(given: Sequence[str]) -> list[str]:
    expected = "expected range(stop), range(start, stop) or range(start, stop, step), of integers"
    try:
        values = range(*map(int, given))
    except (ValueError, TypeError):
        raise ValueError(expected) from None
    if not 0 < len(values) <= MOST_VALUES:
        raise ValueError(f"range({', '.join(given)}) holds {len(values):,} values")
    return list(map(str, values))


def split_commas(text: str) -> list[str]:
    """The pieces between commas that stand outside brackets and quotes."""
    pieces, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "[{(":
            depth += 1
        elif character in "]})":
            depth -= 1
        elif character == "," and depth == 0:
            pieces.append("")
            continue
        pieces[-1] += character
    return pieces
