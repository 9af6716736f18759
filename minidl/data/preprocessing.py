"""From the columns of a table to the numbers that a network gets, learned from training rows alone.

A run keeps it (`to_dict`), so that later rows are treated exactly as those of the training.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from minidl.data.cells import with_points
from minidl.data.columns import CategoricalColumn, Column, NumericColumn, fit_column
from minidl.data.dataset import Floats, Integers
from minidl.data.messages import Problems, absent_columns, quoted
from minidl.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

MOST_NUMBERS = 2**27  # that a table may become: 1 GiB; a thousand categories are as many columns


@dataclass(frozen=True)
class Preprocessing:
    """The feature columns of a table in the network's order, each with its encoding."""

    columns: tuple[Column, ...]

    @classmethod
    def identity(cls, names: Iterable[str]) -> Preprocessing:
        """Numeric columns that are passed on as they are."""
        return cls(tuple(NumericColumn(name) for name in names))

    @classmethod
    def fit(
        cls,
        table: pd.DataFrame,
        columns: Iterable[str],
        *,
        training: Integers,
        standardize: bool,
        fill_missing: bool = False,
        file: str = "table",
    ) -> Preprocessing:
        """Learns the encoding of `columns` from the rows `training` (positions) of `table`.

        A column of numbers is shifted and scaled to mean 0 and standard deviation 1 (unless
        `standardize` is off; a constant column only becomes 0), and with `fill_missing` its mean
        stands in for missing values. A column of texts becomes one 0/1 column per category, in
        alphabetical order; the categories are those of the whole table.
        Raises DataError: see `fit_column`.
        """
        problems, fitted = Problems(), list[Column]()
        for name in columns:
            with problems.noted():
                fitted.append(
                    fit_column(
                        table[name],
                        training,
                        standardize=standardize,
                        fill_missing=fill_missing,
                        file=file,
                    )
                )
        problems.check()
        return cls(tuple(fitted))

    def transform(self, table: pd.DataFrame, file: str = "table", decimal: str = ".") -> Floats:
        """Finds the columns by name and encodes them: float64 (N, features).

        Further columns are ignored; numbers may have a `decimal` comma. Raises DataError, which
        begins with `file`, for columns that are not there, for cells that can't be encoded, and for
        a table that would fill the memory.
        """
        complaint = absent_columns((column.name for column in self.columns), table.columns)
        if complaint:
            raise DataError(f"{file}: {complaint}")
        rows, inputs = len(table), len(self.feature_names)
        if rows * inputs > MOST_NUMBERS:
            raise DataError(
                f"{file}: its {rows:,} rows of {inputs:,} inputs, one per category of a text,"
                f" fill {8 * rows * inputs / 2**30:.0f} GiB: leave such columns out (list the"
                " others under `features`)"
            )
        problems, encoded = Problems(), list[Floats]()
        for column in self.columns:
            with problems.noted():
                cells = table[column.name]
                if isinstance(column, NumericColumn):
                    cells = with_points(cells, decimal, file)
                encoded.append(column.encode(cells, file))
        problems.check()
        return np.hstack(encoded)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One name per number that the network gets."""
        return tuple(name for column in self.columns for name in column.feature_names)

    def to_inputs(self, raw: Floats) -> Floats:
        """Standardizes numbers in the units of the file: (..., features) to the same shape."""
        mean, std = self._mean_and_std
        return (raw - mean) / std

    def to_raw(self, inputs: Floats) -> Floats:
        """The inverse of `to_inputs`: back to the units of the file."""
        mean, std = self._mean_and_std
        return inputs * std + mean

    @cached_property
    def _mean_and_std(self) -> tuple[Floats, Floats]:
        pairs = [
            (column.mean, column.std) if isinstance(column, NumericColumn) else (0.0, 1.0)
            for column in self.columns
            for _ in column.feature_names
        ]
        return np.array([mean for mean, _ in pairs]), np.array([std for _, std in pairs])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a JSON file."""
        kinds = {NumericColumn: "numeric", CategoricalColumn: "categorical"}
        return {"columns": [{"kind": kinds[type(c)], **asdict(c)} for c in self.columns]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocessing:
        """The inverse of `to_dict`. Raises DataError when the values are damaged."""
        try:
            columns = tuple(_column(**column) for column in values["columns"])
            if not columns:
                raise ValueError("it has no columns")
            return cls(columns)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the stored preprocessing is damaged: {error}") from error


def _column(kind: str, name: str, **values: Any) -> Column:
    if kind == "categorical":
        categories: tuple[str, ...] = tuple(str(category) for category in values["categories"])
        return CategoricalColumn(str(name), categories)
    if kind != "numeric":
        raise ValueError(f"unknown kind of column {quoted(kind)}")
    fill = None if values["fill"] is None else float(values["fill"])
    column = NumericColumn(str(name), float(values["mean"]), float(values["std"]), fill)
    if not (math.isfinite(column.mean) and 0 < column.std < math.inf):
        raise ValueError(f"column {quoted(name)} has no finite mean and positive std")
    return column
