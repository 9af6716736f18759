"""The user's table: which of its columns are features, what the target means, which rows test."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from minidl.data.cells import mostly_text, typed, with_points
from minidl.data.csvfile import MOST_BYTES, parse_table
from minidl.data.dataset import Dataset, Split
from minidl.data.messages import Problems, absent_columns, cell_error, quoted
from minidl.data.preprocessing import Preprocessing
from minidl.data.source import read_source
from minidl.data.split import split_rows
from minidl.data.target import Target
from minidl.errors import DataError, MinidlWarning
from minidl.plural import plural

if TYPE_CHECKING:
    import pandas as pd

    from minidl.spec.data import CsvData


def load_csv(spec: CsvData, rng: np.random.Generator) -> Dataset:
    """Reads `spec.path`, and either splits its rows or reads the test part from `spec.test_path`.

    The lists of classes and categories are those of `spec.path`; every number that preprocessing
    uses is learned from the training part. Raises DataError.
    """
    import pandas as pd

    problems = Problems()
    source = test_source = read_source(spec.path, MOST_BYTES)
    table = test = parse_table(source, spec.delimiter, problems)
    whole = not problems.found  # what a part of the rows comes to would say nothing
    try:
        features = _features(spec, table, source.file)
        table = _complete(table, features, spec, source.file, problems)
    except DataError as error:
        problems.add(*error.problems)
        problems.check()
        raise
    target = None
    with problems.noted():
        if whole:
            target = Target.learn(table[spec.target], spec.task, source.file)
    # Parsing texts is what takes the time, so it is done once, here.
    parsed = {}
    for name in features:
        with problems.noted():
            parsed[name] = typed(table[name], source.file)
    # In one go: pandas takes longer to put in a column, the more there are.
    table = pd.DataFrame({name: parsed.get(name, table[name]) for name in table.columns})
    if spec.test_path is not None:
        with problems.noted():
            test_source = read_source(spec.test_path, MOST_BYTES)
            test = parse_table(test_source, spec.delimiter, problems)
            test = _complete(test, features, spec, test_source.file, problems)
    problems.check()
    assert target is not None

    if spec.test_path is None:
        assert spec.test_fraction is not None  # the schema asks for one of the two
        labels = target.labels(table[spec.target], source.file)
        train_rows, test_rows = split_rows(
            len(table), spec.test_fraction, rng, labels=labels, file=source.file
        )
        train, test = table.iloc[train_rows], table.iloc[test_rows]
    else:
        train, train_rows = table, np.arange(len(table))

    preprocessing = Preprocessing.fit(
        table,
        features,
        training=train_rows,
        standardize=spec.standardize,
        fill_missing=spec.missing == "mean",
        file=source.file,
    )

    def split(part: pd.DataFrame, file: str) -> Split:
        with problems.noted():
            inputs = preprocessing.transform(part, file)
        with problems.noted():
            targets = target.encode(part[spec.target], file)
        problems.check()
        return Split(inputs, targets)

    return Dataset(
        split(train, source.file),
        split(test, test_source.file),
        target.task,
        feature_names=preprocessing.feature_names,
        class_names=target.class_names,
        target_names=(spec.target,),
        preprocessing=preprocessing,
        source_hashes={source.path: source.sha256, test_source.path: test_source.sha256},
    )


def _features(spec: CsvData, table: pd.DataFrame, file: str) -> list[str]:
    """The feature columns: those listed, or all but the target."""
    problems = Problems()
    with problems.noted():
        _require_columns(table, [spec.target], "`target`", file)
    if spec.features is None:
        features = [str(name) for name in table.columns if name != spec.target]
    else:
        features = list(spec.features)
        with problems.noted():
            _require_columns(table, features, "`features`", file)
    problems.check()
    if not features:
        raise DataError(
            f"{file}: the target {quoted(spec.target)} is the only column: is `delimiter` right?"
        )
    return features


def _require_columns(table: pd.DataFrame, names: list[str], key: str, file: str) -> None:
    complaint = absent_columns(names, table.columns)
    if complaint:
        raise DataError(f"{file}: {complaint} ({key} of the config)")


def _complete(
    table: pd.DataFrame, features: list[str], spec: CsvData, file: str, problems: Problems
) -> pd.DataFrame:
    """The columns in use, after `decimal` and `missing: error | drop | mean` did their work."""
    _require_columns(table, [*features, spec.target], "`features` and `target`", file)
    table = table[[*features, spec.target]].copy()
    wrong = Problems()
    with_commas = features if spec.task == "classification" else list(table.columns)
    for name in with_commas if spec.decimal != "." else ():
        with wrong.noted():
            table[name] = with_points(table[name], spec.decimal, file)
    wrong.check()  # these cells would be misread from here on
    if spec.missing == "drop":
        return _dropped(table, file)
    for name in table.columns:
        missing = table[name].isna().to_numpy()
        if not missing.any():
            continue
        if name == spec.target:
            what = "missing value (set `missing: drop`)"
        elif spec.missing == "error":
            what = "missing value (set `missing: drop` or `mean`)"
        elif mostly_text(table[name]):
            what = "missing value: texts have no mean (set `missing: drop`, or fill it in)"
        else:
            continue
        problems.add(*cell_error(file, table[name], missing, what).problems)
    return table


def _dropped(table: pd.DataFrame, file: str) -> pd.DataFrame:
    """The rows that lack no value; a warning says how many do."""
    whole = table.dropna()
    if whole.empty:
        raise DataError(f"{file}: `missing: drop` leaves no row: each lacks some value")
    if dropped := len(table) - len(whole):
        message = f"{file}: `missing: drop` leaves out {dropped:,} of {plural(len(table), 'row')}"
        warnings.warn(message, MinidlWarning, stacklevel=2)
    return whole
