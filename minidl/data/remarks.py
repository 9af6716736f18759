"""What a colleague would notice in data before it is trained on, each with what answers it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from weakref import WeakKeyDictionary

import numpy as np

from minidl.data.categories import CategoricalColumn
from minidl.data.columns import NumericColumn
from minidl.data.dataset import Dataset, Floats
from minidl.data.messages import listed, quoted
from minidl.plural import plural

MOST_ROWS, MOST_INPUTS = 20_000, 2_000  # that are looked at
NEARLY_ALL = 0.99
SOME_ROWS = 20  # with fewer, chance looks like a rule
GIVEN_AWAY = 0.9999  # a correlation with the target
FEWEST = 5  # rows of a class
OUTLIER = 20.0  # robust z

_DATE = re.compile(r"\d{4}-\d\d?-\d\d?\b.*|\d\d?[./]\d\d?[./]\d{2,4}\b.*")


_KNOWN: WeakKeyDictionary[Dataset, list[str]] = WeakKeyDictionary()  # many runs share one


def remarks(data: Dataset) -> list[str]:
    """A line for each remark on the data of a file; empty where there is nothing to say."""
    if data not in _KNOWN:
        _KNOWN[data] = _remarks(data)
    return _KNOWN[data]


def _remarks(data: Dataset) -> list[str]:
    found = [*_classes(data), *_parts(data)]
    if data.preprocessing is None or data.train.inputs.ndim != 2:
        return found
    if data.train.inputs.shape[1] > len(data.train):
        found.append(
            f"more inputs ({data.train.inputs.shape[1]:,}) than training rows"
            f" ({len(data.train):,}): leave columns out (data.drop), or use max_categories"
        )
    return found + list(_columns(data))


def _classes(data: Dataset) -> Iterator[str]:
    if data.task != "classification":
        return
    counts = class_counts(data)
    few = [name for name, count in counts.items() if count < FEWEST]
    if few:
        what = "class has" if len(few) == 1 else "classes have"
        yield (
            f"{len(few)} {what} fewer than {FEWEST} rows ({listed(tuple(few), 5)}): too few to"
            " learn and to measure; join or remove them in the file"
        )


def class_counts(data: Dataset) -> dict[str, int]:
    """The rows of each class in all parts together."""
    targets = np.concatenate([part.targets for part in data.parts.values()])
    counts = np.bincount(targets, minlength=data.classes)
    return dict(zip(data.class_names, counts.tolist(), strict=True))


def _parts(data: Dataset) -> Iterator[str]:
    """Rows of the test part that the training part has, too."""
    if _rows(data) > 10 * MOST_ROWS or data.train.inputs.ndim != 2:
        return
    known = {row.tobytes() for row in np.ascontiguousarray(data.train.inputs)}
    again = sum(row.tobytes() in known for row in np.ascontiguousarray(data.test.inputs))
    if again and again * 20 >= len(data.test):
        yield (
            f"{again:,} of {plural(len(data.test), 'test row')} stand in the training part, too:"
            " the test says less about new rows; remove repeated rows from the file"
        )


def _rows(data: Dataset) -> int:
    return sum(map(len, data.parts.values()))


def _columns(data: Dataset) -> Iterator[str]:
    """What each column of numbers or words gives cause for: one remark at most."""
    assert data.preprocessing is not None
    inputs = data.train.inputs[:MOST_ROWS]
    targets = _indicators(data)[: len(inputs)]
    start = 0
    for column in data.preprocessing.columns:
        end = start + len(column.feature_names)
        part, start = inputs[:, start:end], end
        if end > MOST_INPUTS:
            return
        name = quoted(column.name)
        if len(part) >= SOME_ROWS and _gives_away(part, targets):
            yield f"{name} gives the target away: is it known before? else leave it out (data.drop)"
        elif isinstance(column, CategoricalColumn) and all(map(_DATE.fullmatch, column.categories)):
            yield f"{name} holds dates as words: say so (data.columns: {{{column.name}: date}})"
        elif len(part) >= SOME_ROWS and _is_nearly_constant(part):
            yield f"{name} is nearly always the same: leave it out (data.drop)"
        elif isinstance(column, NumericColumn) and _numbers_the_rows(data, end - 1):
            yield f"{name} numbers the rows, it seems: leave it out (data.drop)"
        elif type(column) is NumericColumn and (z := _largest_z(part[:, 0])) > OUTLIER:
            yield (
                f"{name} has outliers that drown the other values (robust z {z:.0f}): correct them,"
                f" or scale it by log or quantile (data.columns: {{{column.name}: {{type: number,"
                " scale: quantile}})"
            )


def _indicators(data: Dataset) -> Floats:
    """The training part's targets as columns (N, K): of classes 1 for its own, else 0."""
    targets = data.train.targets
    if data.task == "classification":
        return np.eye(data.classes)[targets] if data.classes <= 50 else targets[:, None] * 1.0
    return np.asarray(targets.reshape(len(targets), -1), dtype=np.float64)


def _gives_away(part: Floats, targets: Floats) -> bool:
    """Whether an input goes with the target as if it were the target."""
    with np.errstate(all="ignore"):
        x, y = part - part.mean(0), targets - targets.mean(0)
        scale = np.sqrt((x**2).sum(0))[:, None] * np.sqrt((y**2).sum(0))
        correlation = np.abs(x.T @ y) / scale
    return bool((np.nan_to_num(correlation) > GIVEN_AWAY).any())


def _is_nearly_constant(part: Floats) -> bool:
    _, counts = np.unique(part, axis=0, return_counts=True)
    return bool(counts.max() >= NEARLY_ALL * len(part))


def _numbers_the_rows(data: Dataset, index: int) -> bool:
    """Whether the values of all parts together are as far apart as 1, 2, 3 …, one for each row."""
    if data.train.rows is None or _rows(data) > MOST_ROWS:
        return False
    values = np.concatenate([part.inputs[:, index] for part in data.parts.values()])
    rows = np.concatenate([part.rows for part in data.parts.values() if part.rows is not None])
    if len(rows) != len(values) or len(values) < 10:
        return False
    with np.errstate(all="ignore"):
        steps = np.diff(values[np.argsort(rows)])
    return bool(np.allclose(steps, steps[0], rtol=1e-6) and steps[0] != 0)


def _largest_z(values: Floats) -> float:
    with np.errstate(all="ignore"):
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        width = (high - low) / 1.349
        return float(np.abs(values - middle).max() / width) if width > 0 else 0.0
