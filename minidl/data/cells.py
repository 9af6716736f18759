"""The cells of a column: numbers, texts, and gaps.

A cell is a number, a text, or missing (None or NaN).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minidl.data.dataset import Floats
from minidl.data.messages import cell_error, quoted
from minidl.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    Cells: TypeAlias = pd.Series[Any]

# With more different texts than MANY, most rows' own, or more than MOST, a column holds no kinds.
MANY_KINDS = 50
MOST_KINDS = 1000

NAN = ("NaN", "nan")  # what stands for a missing value where a config says nothing
SUSPECTS = frozenset({"na", "n/a", "#n/a", "#na", "<na>", "null", "none"})
_MARKS = frozenset({"?", "-", "--", ".", "*", "missing", "unknown"})
# Runs of version 0.1.0 don't say what they took for missing: these words in any spelling.
EARLIER = tuple(
    "".join(letters)
    for word in ("nan", *sorted(SUSPECTS))
    for letters in product(*({c, c.upper()} for c in word))
)

_SWAPPED = str.maketrans(",.", ".,")


@dataclass(frozen=True)
class Fault:
    """Cells that can't be used: where (N,), and what to say about one with a given text."""

    where: NDArray[np.bool_]
    what: Callable[[str], str]


@dataclass(frozen=True)
class Notation:
    """How a column's numbers are written; `strip` are texts that are no part of them."""

    decimal: str = "."
    thousands: str | None = None
    strip: tuple[str, ...] = ()

    def plain(self, text: str) -> str:
        """The text as Python reads a number; one that isn't written so stays none."""
        for part in self.strip:
            text = text.replace(part, "")
        text = text.strip() if self.strip else text
        if self.thousands and self.thousands in text:
            group, point = re.escape(self.thousands), re.escape(self.decimal)
            if not re.fullmatch(rf"[-+]?\d{{1,3}}({group}\d{{3}})+({point}\d*)?", text):
                return "?"
            text = text.replace(self.thousands, "")
        return text.translate(_SWAPPED) if self.decimal == "," else text

    @property
    def noun(self) -> str:
        return "a number with a decimal comma" if self.decimal == "," else "a number"


PLAIN = Notation()


def raise_faults(file: str, cells: Cells, faults: Iterable[Fault]) -> None:
    """Raises DataError about the first cell of each fault, which also names the others' rows."""
    problems = tuple(
        problem for fault in faults for problem in fault_error(file, cells, fault).problems
    )
    if problems:
        raise DataError(*problems)


def fault_error(file: str, cells: Cells, fault: Fault) -> DataError:
    first = str(cells.iloc[int(np.argmax(fault.where))])
    return cell_error(file, cells, fault.where, fault.what(first))


def without(cells: Cells, markers: Iterable[str]) -> Cells:
    """The column with gaps for the cells that stand for a missing value."""
    if is_numeric(cells):
        return cells
    return cells.mask(cells.isin(list(markers)), None)


def suspects(cells: Cells) -> Iterator[Fault]:
    """Cells such as NA, which may stand for a missing value and may be a word."""
    if is_numeric(cells):
        return
    found = {word for word in cells.dropna().unique() if str(word).lower() in SUSPECTS}
    if found:

        def what(text: str) -> str:
            return (
                f"{quoted(text)} may be a word or stand for a missing value: say which by"
                f" `missing_values: [{text}]` (it does) or `[]` (it doesn't)"
            )

        yield Fault(cells.isin(found).to_numpy(), what)


def places(cells: Cells, place: Callable[[object], int]) -> NDArray[np.int64]:
    """`place` of each cell (N,), asked once for each different one; -1 where missing."""
    import pandas as pd

    codes, different = pd.factorize(cells)
    found = np.array([*(place(cell) for cell in different), -1], dtype=np.int64)
    return found[codes]


def mostly_text(cells: Cells, notation: Notation = PLAIN) -> bool:
    """Whether more than half of the values are texts: such a column holds categories or labels.

    Texts among as many numbers or more are taken for slips, which an error must name.
    """
    _, is_text = parse_numbers(cells, notation)
    return bool(2 * is_text.sum() > cells.notna().sum())


def numbers(
    cells: Cells, notation: Notation = PLAIN, advice: Callable[[str], str] = lambda text: ""
) -> tuple[Floats, list[Fault]]:
    """The values (N,), NaN where missing, and where a cell holds a text or an infinite value.

    advice: what to add about a text.
    """
    values, is_text = parse_numbers(cells, notation)
    infinite = np.isinf(values)
    faults = []
    if is_text.any():
        faults.append(Fault(is_text, lambda text: no_number(text, notation) + advice(text)))
    if infinite.any():
        faults.append(
            Fault(infinite, lambda text: f"infinite value {quoted(text)}: correct or remove it")
        )
    return values, faults


def no_number(text: str, notation: Notation) -> str:
    """What to say about a text among numbers."""
    doubt = "" if notation.decimal == "," else decimal_doubt(text)
    return f"expected {notation.noun}, but got {quoted(text)}{doubt}"


def ways_out(text: str, column: str) -> str:
    """What a config can say about a text among numbers, where that isn't how they are written."""
    if text.lower() in _MARKS | SUSPECTS:
        return f" (if it stands for a missing value: `missing_values: [{text!r}]`)"
    if re.fullmatch(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?", text):
        return ' (is `thousands` right? "," would read it)'
    if re.search(r"\d[.,]\d", text):
        return ""
    return f" (words? `columns: {{{column}: category}}`)"


def parse_numbers(cells: Cells, notation: Notation = PLAIN) -> tuple[Floats, NDArray[np.bool_]]:
    """Returns the values (N,), NaN where there is none, and where a cell holds text (N,)."""
    if is_numeric(cells):
        return cells.to_numpy(dtype=np.float64), np.zeros(len(cells), dtype=bool)
    import pandas as pd

    codes, different = pd.factorize(cells)  # words are often the same
    texts = [str(cell) for cell in different]
    if notation != PLAIN:
        texts = [notation.plain(text) for text in texts]
    values = np.append(_floats(texts), math.nan)[codes]
    return values, (codes >= 0) & np.isnan(values)


def _floats(texts: list[str]) -> Floats:
    if "_" not in "".join(texts):
        try:  # many at once, where all are numbers
            return np.array(texts, dtype=object).astype(np.float64)
        except ValueError:
            pass
    return np.array([number(text) for text in texts], dtype=np.float64)


def is_numeric(cells: Cells) -> bool:
    """Whether the column's type leaves nothing but numbers (and booleans, as 0 and 1)."""
    return cells.dtype.kind in "biuf"


def number(text: str) -> float:
    """NaN for what isn't a number; `1_000` is none, though Python reads it."""
    try:
        return math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan


def number_advice(text: str) -> str:
    """How to read what looks like a number but isn't one: `1,5`, `12 kg`, `€ 1,200`."""
    if doubt := decimal_doubt(text):
        return doubt
    is_date = re.match(r"\d+[-/.:]\d", text)
    has_unit = re.fullmatch(r"\D{0,4}\d[\d.,\s']*\D{0,4}", text)
    if is_date or not has_unit:
        return ""
    units = [unit for unit in re.findall(r"[^\d.,\s'+-]+", text) if unit]
    if units:
        return f", with `strip: [{', '.join(map(quoted, units))}]`"
    return ", written like 1200.5 and nothing else"


def decimal_doubt(text: str) -> str:
    """What to ask where a text looks like a number with a decimal comma; else empty."""
    has_comma = re.fullmatch(r"[-+]?\d*,\d+", text)
    has_thousands = re.fullmatch(r"[-+]?[1-9]\d{0,2},\d{3}", text)
    return ' (is `decimal` right? "," would read it)' if has_comma and not has_thousands else ""


def too_many_kinds(kinds: int, rows: int) -> bool:
    """Whether so many different values in so many rows are names or slips, not categories."""
    return kinds > MOST_KINDS or (kinds > MANY_KINDS and 2 * kinds > rows)
