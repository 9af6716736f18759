"""The cells of a column: numbers, texts, and gaps.

A cell is a number, a text, or missing (None or NaN).
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minidl.data.dataset import Floats
from minidl.data.messages import cell_error, first_text

if TYPE_CHECKING:
    import pandas as pd

    Cells: TypeAlias = pd.Series[Any]

# With more different texts than MANY, most rows' own, or more than MOST, a column holds no kinds.
MANY_KINDS = 50
MOST_KINDS = 1000


def typed(cells: Cells, file: str) -> Cells:
    """The column as floats where at least half of its values are numbers; else as it is.

    Raises DataError where numbers are mixed with texts, or infinite.
    """
    import pandas as pd

    if mostly_text(cells):
        return cells
    return pd.Series(finite_numbers(cells, file), index=cells.index, name=cells.name)


def mostly_text(cells: Cells) -> bool:
    """Whether more than half of the values are texts: such a column holds categories or labels.

    Texts among as many numbers or more are taken for slips, which an error must name.
    """
    _, is_text = parse_numbers(cells)
    return bool(2 * is_text.sum() > cells.notna().sum())


def finite_numbers(cells: Cells, file: str, *, hint: str = "") -> Floats:
    """The values (N,), NaN where missing. Raises DataError for a text or an infinite value."""
    values, is_text = parse_numbers(cells)
    if is_text.any():
        what = f"expected a number, but got {first_text(cells, is_text)}{hint}"
        raise cell_error(file, cells, is_text, what)
    infinite = np.isinf(values)
    if infinite.any():
        what = f"infinite value {first_text(cells, infinite)}: correct or remove it"
        raise cell_error(file, cells, infinite, what)
    return values


def parse_numbers(cells: Cells) -> tuple[Floats, NDArray[np.bool_]]:
    """Returns the values (N,), NaN where there is none, and where a cell holds text (N,)."""
    if is_numeric(cells):
        return cells.to_numpy(dtype=np.float64), np.zeros(len(cells), dtype=bool)
    present = cells.notna().to_numpy()
    values = np.full(len(cells), math.nan)
    values[present] = [number(str(cell)) for cell in cells.to_numpy()[present]]
    return values, present & np.isnan(values)


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
    """How to write what looks like a number but isn't one: `1,5`, `12 kg`, `€ 1,200`."""
    if re.fullmatch(r"[-+]?[\d.]*,\d+", text):
        return ", written like 1.5, not 1,5"
    is_date = re.match(r"\d+[-/.:]\d", text)
    has_unit = re.fullmatch(r"\D{0,4}\d[\d.,\s']*\D{0,4}", text)
    return ", written like 1200.5 and nothing else" if has_unit and not is_date else ""


def too_many_kinds(kinds: int, rows: int) -> bool:
    """Whether so many different values in so many rows are names or slips, not categories."""
    return kinds > MOST_KINDS or (kinds > MANY_KINDS and 2 * kinds > rows)
