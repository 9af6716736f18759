"""From the columns of a table to the numbers that a network gets, learned from training rows alone.

A run keeps it (`to_dict`), so that later rows are treated exactly as those of the training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minidl.data.categories import CategoricalColumn, TextColumn
from minidl.data.cells import (
    EARLIER,
    NAN,
    PLAIN,
    Fault,
    Notation,
    fault_error,
    without,
)
from minidl.data.columns import (
    BooleanColumn,
    CyclicColumn,
    NumericColumn,
    OrderedColumn,
    OrdinalColumn,
)
from minidl.data.dataset import Floats, Integers
from minidl.data.dates import DateColumn
from minidl.data.messages import Problems, absent_columns, composed, quoted
from minidl.data.plan import Plan
from minidl.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

ROWS_AT_ONCE, INPUTS_AT_ONCE = 4096, 8  # that fit the processor's caches
WIDE = 1000  # inputs of a table that is kept in few bytes
MOST_NUMBERS = 2**27  # that a table may become: 1 GiB; a thousand categories are as many columns

Column: TypeAlias = (
    NumericColumn
    | CyclicColumn
    | BooleanColumn
    | OrdinalColumn
    | DateColumn
    | CategoricalColumn
    | TextColumn
)
KINDS: dict[str, type[Column]] = {
    "number": NumericColumn,
    "cyclic": CyclicColumn,
    "boolean": BooleanColumn,
    "ordinal": OrdinalColumn,
    "date": DateColumn,
    "category": CategoricalColumn,
    "text": TextColumn,
}


def _beside(columns: Iterable[Column]) -> Iterator[list[Column]]:
    """Columns that are written together: rows of one number each would touch all memory again."""
    group: list[Column] = []
    for column in columns:
        inputs = sum(len(one.feature_names) for one in group)
        narrow = isinstance(column, OrderedColumn)
        if group and (not narrow or inputs >= INPUTS_AT_ONCE):
            yield group
            group = []
        if narrow:
            group.append(column)
        else:
            yield [column]
    if group:
        yield group


@dataclass(frozen=True)
class Preprocessing:
    """The feature columns of a table in the network's order, each with its encoding.

    missing_values: by column, the cells that stand for a missing value.
    """

    columns: tuple[Column, ...]
    missing_values: Mapping[str, tuple[str, ...]]

    @classmethod
    def identity(cls, names: Iterable[str]) -> Preprocessing:
        """Numeric columns that are passed on as they are."""
        return cls(tuple(NumericColumn(name) for name in names), {})

    @classmethod
    def fit(
        cls,
        table: pd.DataFrame,
        plans: Mapping[str, Plan],
        *,
        training: Integers,
        file: str = "table",
    ) -> Preprocessing:
        """Learns the encoding of the planned columns from the rows `training` of `table`.

        training: positions of rows. A column of numbers is scaled as its plan says (a constant one
        only becomes 0); one of words becomes an input per category, in alphabetical order, of which
        the whole table has those. Raises DataError, which names every column that can't be used.
        """
        problems, fitted = Problems(), list[Column]()
        for name, plan in plans.items():
            with problems.noted():
                settled = plan.settled(table[name])
                fitted.append(KINDS[settled.kind].fit(table[name], settled, training, file))
        problems.check()
        markers = {n: p.missing_values for n, p in plans.items() if p.missing_values != NAN}
        return cls(tuple(fitted), markers)

    def transform(
        self,
        table: pd.DataFrame,
        file: str = "table",
        notation: Notation = PLAIN,
        *,
        single: bool = False,
    ) -> NDArray[Any]:
        """Finds the columns by name and encodes them: float64 (N, features).

        With `single`, more than a thousand features are float32: one for each of many words.

        Further columns are ignored. Raises DataError, which begins with `file`, for columns that
        are not there, for cells that can't be encoded, and for a table that would fill the memory.
        """
        problems = Problems()

        def note(column: str, fault: Fault) -> None:
            problems.add(*fault_error(file, table[column], fault).problems)

        encoded = self.encode(table, file, notation, note, single=single)
        problems.check()
        return encoded

    def encode(
        self,
        table: pd.DataFrame,
        file: str,
        notation: Notation,
        note: Callable[[str, Fault], None],
        *,
        single: bool = False,
    ) -> NDArray[Any]:
        """`transform`, which hands each column's faults to `note` and leaves odd rows behind."""
        complaint = absent_columns((column.name for column in self.columns), table.columns)
        if complaint:
            raise DataError(f"{file}: {complaint}")
        rows, inputs = len(table), len(self.feature_names)
        if rows * inputs > MOST_NUMBERS:
            raise DataError(
                f"{file}: its {rows:,} rows of {inputs:,} inputs, one per category of a text,"
                f" fill {8 * rows * inputs / 2**30:.0f} GiB: leave such columns out (`drop`), or"
                " set `max_categories`"
            )
        dtype = np.float32 if single and inputs > WIDE else np.float64
        encoded = np.zeros((rows, inputs), dtype)
        with np.errstate(over="ignore"):  # what float32 can't hold is said by the build
            self._fill(encoded, table, notation, note)
        return encoded

    def _fill(
        self,
        encoded: NDArray[Any],
        table: pd.DataFrame,
        notation: Notation,
        note: Callable[[str, Fault], None],
    ) -> None:
        """Write each column's inputs into its own of `encoded` (N, features), of zeros."""
        start = 0
        for columns in _beside(self.columns):
            end = start + sum(len(column.feature_names) for column in columns)
            several = len(columns) > 1
            part = (
                np.empty((len(table), end - start), order="F") if several else encoded[:, start:end]
            )
            place = 0
            for column in columns:
                own = part[:, place : place + len(column.feature_names)]
                cells = without(table[column.name], self.missing_values.get(column.name, NAN))
                for fault in column.encode(cells, notation, own):
                    note(column.name, fault)
                place += own.shape[1]
            if several:
                for rows_at in range(0, len(table), ROWS_AT_ONCE):
                    here = slice(rows_at, rows_at + ROWS_AT_ONCE)
                    encoded[here, start:end] = part[here]
            start = end

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One name per number that the network gets."""
        return tuple(name for column in self.columns for name in column.feature_names)

    def to_inputs(self, raw: Floats) -> Floats:
        """Scales numbers in the units of the file: (..., features) to the same shape."""
        return self._by_column(raw, lambda column, part: column.to_inputs(part))

    def to_raw(self, inputs: Floats) -> Floats:
        """The inverse of `to_inputs`: back to the units of the file."""
        return self._by_column(inputs, lambda column, part: column.to_raw(part))

    def _by_column(self, values: Floats, change: Callable[[Column, Floats], Floats]) -> Floats:
        changed, start = np.empty(values.shape), 0
        for column in self.columns:
            end = start + len(column.feature_names)
            changed[..., start:end] = change(column, values[..., start:end])
            start = end
        return changed

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a JSON file."""
        return {
            "columns": [{"kind": column.kind, **asdict(column)} for column in self.columns],
            "missing_values": dict(self.missing_values),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocessing:
        """The inverse of `to_dict`. Raises DataError when the values are damaged."""
        try:
            columns = tuple(_column(**column) for column in values["columns"])
            if not columns:
                raise ValueError("it has no columns")
            markers = values.get("missing_values")
            if markers is None:  # as version 0.1.0 wrote it
                return cls(columns, {column.name: EARLIER for column in columns})
            return cls(columns, {name: tuple(texts) for name, texts in markers.items()})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"the stored preprocessing is damaged: {error}") from error


def _column(kind: str, name: str, **values: Any) -> Column:
    for column in KINDS.values():
        if column.kind == kind:
            made: Column = column.restored({"name": composed(name), **values})
            _require_types(made)
            return made
    raise ValueError(f"unknown kind of column {quoted(kind)}")


def _require_types(column: Column) -> None:
    """Raises ValueError where a field holds what it can't: others may have written the file."""
    for field in fields(column):
        value, kind = getattr(column, field.name), str(field.type)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        right = {
            "str": isinstance(value, str),
            "bool": isinstance(value, bool),
            "int": number,
            "float": number,
            "tuple[str, ...]": isinstance(value, tuple) and all(isinstance(x, str) for x in value),
        }
        if not right.get(kind, True):
            raise ValueError(f"{field.name} isn't what minidl writes there")
