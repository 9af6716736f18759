"""The user's table as a data set: its rows divided into parts, and encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minidl.data.dataset import Dataset, Split
from minidl.data.messages import Problems, cell_error, files_of, quoted, rows_of
from minidl.data.preprocessing import Preprocessing
from minidl.data.source import named
from minidl.data.split import parts_of, way_of
from minidl.data.tablereader import TableReader
from minidl.data.target import label

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from minidl.spec.table import CsvData


def load_csv(spec: CsvData, rng: np.random.Generator, *, single: bool = False) -> Dataset:
    """Reads `spec.path`, and splits its rows into the parts that have no file of their own.

    The lists of classes and categories are those of `spec.path`; every number that preprocessing
    uses is learned from the training part. Raises DataError.
    """
    reader = TableReader(spec)
    table, hashes = reader.read(spec.path)
    file = named(spec.path)
    others = {}
    for part, paths in (("val", spec.validation_path), ("test", spec.test_path)):
        if paths is not None:
            with reader.problems.noted():
                own, own_hashes = reader.read(paths)
                others[part] = named(paths), own
                hashes |= own_hashes
    reader.problems.check()
    target = reader.target
    assert target is not None

    labels = target.labels(table[reader.target_name], file)
    cells = None if reader.split_column is None else table[reader.split_column]
    way = way_of(spec.split, labels, cells, file, reader.notation, target.class_names)
    fractions = {"val": spec.validation_fraction, "test": spec.test_fraction}
    rows = parts_of(len(table), way, rng, **fractions, fold=spec.chosen_fold)
    if spec.split is not None and spec.split.type == "group":
        _require_other_groups(table, others.values(), str(reader.split_column))

    preprocessing = Preprocessing.fit(table, reader.plans, training=rows["train"], file=file)
    problems = Problems()

    def split(part: pd.DataFrame, file: str) -> Split:
        with problems.noted():
            inputs = preprocessing.transform(part, file, reader.notation, single=single)
        with problems.noted():
            targets = target.encode(part[reader.target_name], file)
        problems.check()
        return Split(inputs, targets, rows=rows_of(part.index), files=files_of(part.index))

    whole = len(rows) == 1  # the others have files, so it needs no copy
    parts = {part: split(table if whole else table.iloc[own], file) for part, own in rows.items()}
    parts |= {part: split(own, own_file) for part, (own_file, own) in others.items()}
    return Dataset(
        parts["train"],
        parts["test"],
        target.task,
        feature_names=preprocessing.feature_names,
        class_names=target.class_names,
        target_names=(reader.target_name,),
        preprocessing=preprocessing,
        source_hashes=hashes,
        validation=parts.get("val"),
    )


def _require_other_groups(
    table: pd.DataFrame, others: Iterable[tuple[str, pd.DataFrame]], column: str
) -> None:
    """Raises DataError where a file for another part has a group of the first one."""
    known = {label(cell) for cell in table[column].unique()}
    for file, other in others:
        cells = other[column]
        again = cells.map(lambda cell: label(cell) in known).to_numpy(dtype=bool)
        if again.any():
            group = quoted(label(cells[again].iloc[0]))
            what = f"the group {group} stands in the first file, too (`split`)"
            raise cell_error(file, cells, again, what)
