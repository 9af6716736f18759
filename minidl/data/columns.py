"""One column of a table, and the numbers that the network gets for it.

A cell is a number, a text, or missing (None or NaN). Errors name file, row, column and value; the
row is the cell's label in the table's index (`read_table` counts as the file does).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minidl.data.dataset import Floats
from minidl.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    Cells: TypeAlias = pd.Series[Any]

# More categories than this in a column where most rows differ: an identifier, not a category.
MANY_CATEGORIES = 50
NUMERIC_KINDS = "biuf"


@dataclass(frozen=True)
class NumericColumn:
    """(value − mean) / std; `fill` stands in for a missing value (None: it is an error)."""

    name: str
    mean: float = 0.0
    std: float = 1.0
    fill: float | None = None

    @property
    def feature_names(self) -> tuple[str, ...]:
        return (self.name,)

    def encode(self, cells: Cells, file: str) -> Floats:
        """Cells (N,) to float64 (N, 1). Raises DataError for a text, or a value that is missing."""
        values = finite_numbers(cells, file)
        missing = np.isnan(values)
        if missing.any():
            if self.fill is None:
                raise cell_error(file, cells, missing, "missing value: a number is needed here")
            values = np.where(missing, self.fill, values)
        return ((values - self.mean) / self.std)[:, None]


@dataclass(frozen=True)
class CategoricalColumn:
    """One number per category: 1 for the cell's own, 0 for the others."""

    name: str
    categories: tuple[str, ...]

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(f"{self.name}={category}" for category in self.categories)

    def encode(self, cells: Cells, file: str) -> Floats:
        """Cells (N,) to float64 (N, categories). Raises DataError for an unknown or missing one."""
        missing = cells.isna().to_numpy()
        if missing.any():
            raise cell_error(file, cells, missing, "missing value: a category is needed here")
        index = {category: i for i, category in enumerate(self.categories)}
        found = np.array([index.get(str(cell), -1) for cell in cells], dtype=np.int64)
        if (found < 0).any():
            text = first_text(cells, found < 0)
            known = listed(self.categories)
            raise cell_error(file, cells, found < 0, f"unknown category {text}; known are {known}")
        return np.eye(len(self.categories))[found]


Column: TypeAlias = NumericColumn | CategoricalColumn


def fit_column(
    cells: Cells, training: NDArray[Any], *, standardize: bool, fill_missing: bool, file: str
) -> Column:
    """Decides what a column is and learns its numbers.

    A column is numeric where at least half of its values are numbers, and then all must be.
    The categories are those of all cells, sorted; statistics come from the `training` rows alone.
    Raises DataError.
    """
    if cells.isna().all():
        raise DataError(f"{file}: column {quoted(cells.name)} holds no value: remove it")
    cells = typed(cells, file)
    if cells.dtype.kind not in NUMERIC_KINDS:
        return CategoricalColumn(str(cells.name), _categories(cells, file))
    values = cells.to_numpy(dtype=np.float64)[training]
    values = values[~np.isnan(values)]
    if not len(values):
        raise DataError(
            f"{file}: column {quoted(cells.name)} holds no value in the training part: remove it"
        )
    mean, std = _mean_and_std(values)
    if not math.isfinite(std):
        raise DataError(f"{file}: column {quoted(cells.name)}: the values are too large to average")
    fill = mean if fill_missing else None
    return NumericColumn(str(cells.name), *((mean, std) if standardize else (0.0, 1.0)), fill)


def _mean_and_std(values: Floats) -> tuple[float, float]:
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(values.mean()), float(values.std())
    # The std of equal values is often a rounding error rather than 0; dividing would blow it up.
    if values.min() == values.max() or std < np.finfo(np.float64).tiny:
        std = 1.0
    return mean, std


def _categories(cells: Cells, file: str) -> tuple[str, ...]:
    categories = sorted({str(cell) for cell in cells.dropna()})
    if is_identifier(len(categories), len(cells)):
        raise DataError(
            f"{file}: column {quoted(cells.name)} holds {len(categories)} different texts in"
            f" {len(cells)} rows, such as {quoted(categories[0])}: too many for categories; leave"
            " the column out (list the others under `features`), or correct its numbers (1.5, not"
            " 1,5)"
        )
    return tuple(categories)


def is_identifier(distinct: int, rows: int) -> bool:
    """Whether so many different texts in so many rows are names or slips rather than categories."""
    return distinct > MANY_CATEGORIES and 2 * distinct > rows


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
    if cells.dtype.kind in NUMERIC_KINDS:
        return cells.to_numpy(dtype=np.float64), np.zeros(len(cells), dtype=bool)
    present = cells.notna().to_numpy()
    values = np.full(len(cells), math.nan)
    values[present] = [number(str(cell)) for cell in cells.to_numpy()[present]]
    return values, present & np.isnan(values)


def number(text: str) -> float:
    """NaN for what isn't a number; `1_000` is none, though Python reads it."""
    try:
        return math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan


# What the messages are made of ---------------------------------------------------------------


def cell_error(file: str, cells: Cells, wrong: NDArray[np.bool_], what: str) -> DataError:
    """An error about the first of the `wrong` cells (N,), which also counts the others."""
    row = cells.index[int(np.argmax(wrong))]
    others = int(wrong.sum()) - 1
    more = f" (and {others} more in this column)" if others else ""
    return DataError(f"{file}: row {row}, column {quoted(cells.name)}: {what}{more}")


def first_text(cells: Cells, where: NDArray[np.bool_]) -> str:
    return quoted(cells.iloc[int(np.argmax(where))])


def quoted(text: object, limit: int = 60) -> str:
    """The text in quotes, control characters escaped, cut where it is long."""
    written = str(text)
    return repr(written if len(written) <= limit else written[: limit - 1] + "…")


def listed(names: tuple[str, ...], limit: int = 10) -> str:
    """'a', 'b' and 3 more."""
    shown = ", ".join(quoted(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def absent_columns(wanted: Iterable[str], have: Iterable[object]) -> str:
    """What to say about wanted columns that a table doesn't have; empty when all are there."""
    names = tuple(str(name) for name in have)
    absent = tuple(name for name in wanted if name not in names)
    if not absent:
        return ""
    word = "column" if len(absent) == 1 else "columns"
    message = f"no {word} {listed(absent)}; the table has {listed(names)}"
    if len(names) == 1 and any(delimiter in names[0] for delimiter in ",;|\t "):
        return f"{message}: is the delimiter right?"
    if not any(math.isnan(number(name)) for name in names):
        return f"{message}: is the header row missing?"
    close = get_close_matches(absent[0], names, n=1)
    return f"{message}; did you mean {quoted(close[0])}?" if close else message
