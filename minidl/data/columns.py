"""One column of a table, and the numbers that the network gets for it.

Errors name file, row, column and value; the row is the cell's label in the table's index, where
`read_table` counts as the file does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from minidl.data.cells import finite_numbers, is_numeric, number_advice, too_many_kinds, typed
from minidl.data.dataset import Floats, Integers
from minidl.data.messages import cell_error, first_text, listed, quoted
from minidl.errors import DataError

if TYPE_CHECKING:
    from minidl.data.cells import Cells


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
    cells: Cells, training: Integers, *, standardize: bool, fill_missing: bool, file: str
) -> Column:
    """Decides what a column is and learns its numbers.

    A column is numeric where at least half of its values are numbers, and then all must be.
    The categories are those of all cells, sorted; statistics come from the `training` rows alone.
    Raises DataError.
    """
    if cells.isna().all():
        raise DataError(f"{file}: column {quoted(cells.name)} holds no value: remove it")
    cells = typed(cells, file)
    if not is_numeric(cells):
        return CategoricalColumn(str(cells.name), _categories(cells, file))
    values = cells.to_numpy(dtype=np.float64)[training]
    values = values[~np.isnan(values)]
    if not len(values):
        raise DataError(
            f"{file}: column {quoted(cells.name)} holds no value in the training part: remove it"
        )
    mean, std = _mean_and_std(values)
    if not (math.isfinite(mean) and math.isfinite(std)):
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
    if too_many_kinds(len(categories), len(cells)):
        raise DataError(
            f"{file}: column {quoted(cells.name)} holds {len(categories)} different texts in"
            f" {len(cells)} rows, such as {quoted(categories[0])}: too many for categories; leave"
            " the column out (list the others under `features`), or make numbers of them"
            f"{number_advice(categories[0])}"
        )
    return tuple(categories)
