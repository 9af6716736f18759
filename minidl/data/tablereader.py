"""The files of a table: which of their columns are features, and what the target means."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from minidl.data.cells import (
    NAN,
    PLAIN,
    Notation,
    fault_error,
    is_numeric,
    numbers,
    suspects,
    ways_out,
    without,
)
from minidl.data.columns import OrderedColumn
from minidl.data.csvfile import MOST_BYTES, Dialect, parse_rows
from minidl.data.messages import Problems, absent_columns, cell_error, composed, quoted
from minidl.data.plan import Plan, drops_target, keeps_texts, matching, plans, target_notation
from minidl.data.preprocessing import KINDS
from minidl.data.rows import Rows, joined
from minidl.data.source import hashes_of, named, read_sources
from minidl.data.target import Target
from minidl.errors import DataError, MinidlWarning
from minidl.plural import plural

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    import pandas as pd

    from minidl.data.cells import Cells
    from minidl.data.source import Source
    from minidl.spec.file_data import Paths
    from minidl.spec.table import CsvData


class TableReader:
    """Reads the files of a config; the first says what the columns and the target mean."""

    def __init__(self, spec: CsvData) -> None:
        self.spec, self.dialect = spec, Dialect.of(spec)
        self.notation = Notation(spec.decimal, spec.thousands)
        self.target_name = composed(spec.target)
        by = spec.split.by if spec.split else None
        self.split_column = None if by is None else composed(by)
        self.problems = Problems()
        self.plans: dict[str, Plan] = {}
        self.target: Target | None = None

    def read(self, paths: Paths) -> tuple[pd.DataFrame, dict[str, str]]:
        """The columns in use, gaps marked, rows dropped, numbers read; what is wrong is noted.

        Also the files' hashes, by their paths.
        """
        sources, file, first = read_sources(paths, MOST_BYTES), named(paths), not self.plans
        found = self._parsed(sources)
        table = found.table
        rows = len(table) + len(found.ragged)
        if table.empty:
            self.problems.check()
        try:
            if first:
                names = self._features(table, file, found.unnamed, found.header_row)
                self.plans = plans(self.spec, names, file)
            names = [*self.plans, self.target_name]
            _require_columns(table, names, "`features` and `target`", file)
            if self.split_column is not None:
                _require_columns(table, [self.split_column], "`split`", file)
                names.append(self.split_column)
            if {*names} < {*table.columns}:  # else as they stand, which costs no copy
                table = table[[name for name in table.columns if name in {*names}]].copy()
            table = self._marked(table, file)
            whole = len(table) == rows  # what a part of the rows comes to would say nothing
            if first:
                self.plans = {n: plan.settled(table[n]) for n, plan in self.plans.items()}
            table = self._complete(table, file)
            if first and whole:
                with self.problems.noted():
                    cells = table[self.target_name].dropna()
                    self.target = Target.learn(
                        cells, self.spec.task, file, target_notation(self.spec)
                    )
        except DataError as error:
            self.problems.add(*error.problems)
            self.problems.check()
            raise
        for name, plan in self.plans.items() if first else ():
            if plan.kind == "number":
                cells = self._numbers(table[name], plan, file)
                if cells is not table[name]:
                    table[name] = cells
            elif issubclass(kind := KINDS[plan.kind], OrderedColumn):
                for fault in kind.planned(name, plan).read(table[name], plan.notation)[1]:
                    self.problems.add(*fault_error(file, table[name], fault).problems)
        return table, hashes_of(paths, sources)

    def _parsed(self, sources: Sequence[Source]) -> Rows:
        """The rows of one file, or of several, one below the other."""

        def parsed(source: Source, texts: Container[str] = ()) -> Rows:
            return parse_rows(
                source,
                self.dialect,
                self.problems,
                (lambda name: name in texts or self._is_text(name))
                if self.notation == PLAIN
                else None,
                markers=NAN if self.spec.missing_values is None else self.spec.missing_values,
            )

        each = {source.file: parsed(source) for source in sources}
        if len(each) > 1:
            tables = [found.table for found in each.values()]
            mixed = {
                str(name)
                for name in tables[0]
                if len({is_numeric(t[name]) for t in tables if name in t}) > 1
            }
            if mixed:
                each = {source.file: parsed(source, mixed) for source in sources}
        for file, found in each.items():
            self.problems.add(*found.ragged_problems(file))
        return joined(each)

    def _is_text(self, name: str) -> bool:
        """Whether a column's cells are wanted as they stand."""
        known = self.plans.get(name)
        if name == self.split_column:
            return True
        return keeps_texts(self.spec, name) or (known is not None and known.kind != "number")

    def _numbers(self, cells: Cells, plan: Plan, file: str) -> Cells:
        """Numbers for texts: reading them is what takes the time, so it is done once, here."""
        import pandas as pd

        if is_numeric(cells) and not np.isinf(cells.to_numpy(np.float64)).any():
            return cells
        values, faults = numbers(cells, plan.notation, lambda text: ways_out(text, str(cells.name)))
        for fault in faults:
            self.problems.add(*fault_error(file, cells, fault).problems)
        return pd.Series(values, index=cells.index, name=cells.name)

    def _features(
        self, table: pd.DataFrame, file: str, unnamed: tuple[str, ...], header_row: int
    ) -> list[str]:
        """The feature columns: those listed, or all but the target and those to drop."""
        spec, problems = self.spec, Problems()
        columns = [str(name) for name in table.columns]
        with problems.noted():
            _require_columns(table, [self.target_name], "`target`", file)
        chosen = self._chosen(spec.features, "features", columns, file, problems)
        dropped = self._chosen(spec.drop, "drop", columns, file, problems)
        problems.check()
        names = chosen if spec.features is not None else columns
        used = {self.target_name, *dropped}
        if spec.features is None and spec.split and spec.split.type in ("group", "time"):
            used.add(str(self.split_column))
        features = [name for name in names if name not in used]
        if not features:
            raise DataError(
                f"{file}: the target {quoted(spec.target)} is the only column: is `delimiter`"
                " right?"
            )
        if spec.features is None:
            for name in unnamed:
                if name in features:
                    self.problems.add(
                        f"{file}: row {header_row}: {name} has no name: leave it out, with"
                        f" `drop: [{name}]`, or name it"
                    )
        return features

    def _chosen(
        self,
        patterns: tuple[str, ...] | None,
        key: str,
        columns: list[str],
        file: str,
        problems: Problems,
    ) -> list[str]:
        """The columns that names and patterns mean, each once, in their order."""
        absent = [pattern for pattern in patterns or () if not matching(pattern, columns)]
        if absent:
            problems.add(f"{file}: {absent_columns(absent, columns)} (`{key}` of the config)")
        found = (name for pattern in patterns or () for name in matching(pattern, columns))
        return list(dict.fromkeys(found))

    def _marked(self, table: pd.DataFrame, file: str) -> pd.DataFrame:
        """The table with gaps for the cells that stand for a missing value.

        Where the config doesn't say what does, rows with a cell such as NA are noted and left out.
        """
        undeclared = self.spec.missing_values is None
        target = Plan() if undeclared else Plan(missing_values=self.spec.missing_values or ())
        doubtful = np.zeros(len(table), dtype=bool)
        for name in table.columns:
            if is_numeric(table[name]):
                continue
            table[name] = without(table[name], self.plans.get(name, target).missing_values)
            for fault in suspects(table[name]) if undeclared else ():
                self.problems.add(*fault_error(file, table[name], fault).problems)
                doubtful |= fault.where
        if doubtful.all():
            self.problems.check()
        return table[~doubtful] if doubtful.any() else table

    def _complete(self, table: pd.DataFrame, file: str) -> pd.DataFrame:
        """The rows that are left once `missing` did its work; gaps that are errors are noted."""
        dropping = [name for name, plan in self.plans.items() if plan.missing == "drop"]
        dropping += [self.target_name] if drops_target(self.spec) or dropping else []
        if self.spec.missing == "drop" and self.split_column is not None:
            dropping.append(self.split_column)
        for name in table.columns:
            missing = table[name].isna().to_numpy()
            if name in dropping or not missing.any():
                continue
            if name == self.target_name:
                what = "missing value (set `missing: drop` or `{target: drop}`)"
            elif name == self.split_column:
                what = "missing value, but each row needs one (`split`)"
            elif self.plans[name].missing == "error":
                what = f"missing value ({_ways_out(self.plans[name])})"
            else:
                continue
            self.problems.add(*cell_error(file, table[name], missing, what).problems)
        if not dropping:
            return table
        whole = table.dropna(subset=dropping).copy()  # pandas 2 warns who writes into a part
        if whole.empty:
            raise DataError(f"{file}: `missing: drop` leaves no row: each lacks some value")
        if dropped := len(table) - len(whole):
            message = (
                f"{file}: `missing: drop` leaves out {dropped:,} of {plural(len(table), 'row')}"
            )
            warnings.warn(message, MinidlWarning, stacklevel=2)
        return whole


def _ways_out(plan: Plan) -> str:
    filling = "`category`" if plan.kind in ("category", "text") else "`mean`"
    return f"set `missing: drop` or {filling}"


def _require_columns(table: pd.DataFrame, names: list[str], key: str, file: str) -> None:
    complaint = absent_columns(names, table.columns)
    if complaint:
        raise DataError(f"{file}: {complaint} ({key} of the config)")
