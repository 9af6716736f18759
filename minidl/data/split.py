"""Which rows train the network, which validate it and which test it."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from minidl.data.cells import PLAIN, Notation, fault_error, mostly_text, numbers, places
from minidl.data.dataset import Floats, Integers
from minidl.data.dates import DateColumn
from minidl.data.messages import quoted
from minidl.data.shares import split_rows
from minidl.data.target import label
from minidl.errors import DataError
from minidl.plural import plural

if TYPE_CHECKING:
    from minidl.data.cells import Cells
    from minidl.spec.split import Split as SplitSpec

Parted = tuple[Integers, Integers]


class Way(ABC):
    """How a part is taken out of rows."""

    @abstractmethod
    def take(
        self, rows: Integers, fraction: float, rng: np.random.Generator, *, part: str, spare: int
    ) -> Integers:
        """About `fraction` of the `rows`, at least one; `spare` parts must find some in the rest.

        Raises DataError where that can't be.
        """

    @abstractmethod
    def folds(self, count: int, folds: int, seed: int) -> Iterable[Parted]:
        """`count` rows divided into folds: for each the rows that may train, and those that test.

        As scikit-learn divides them. Raises DataError where there are too few for so many folds.
        """


@dataclass(frozen=True)
class Shuffled(Way):
    """At random. With labels, int64 (count,), each class gives its share: see `split_rows`.

    names: what messages call the classes, by their labels.
    """

    labels: Integers | None = None
    file: str = "data"
    names: tuple[str, ...] = ()

    def take(
        self, rows: Integers, fraction: float, rng: np.random.Generator, *, part: str, spare: int
    ) -> Integers:
        labels = None if self.labels is None else self.labels[rows]
        _, taken = split_rows(len(rows), fraction, rng, labels=labels, file=self.file, part=part)
        return rows[taken]

    def folds(self, count: int, folds: int, seed: int) -> Iterable[Parted]:
        from sklearn.model_selection import KFold, StratifiedKFold

        _require(count, folds, "row", f"{self.file}: there", "are")
        parted: Iterable[Parted]
        if self.labels is None:
            parted = KFold(folds, shuffle=True, random_state=seed).split(np.empty(count))
            return parted
        sizes = np.bincount(self.labels)
        least = int(np.where(sizes > 0, sizes, count).argmin())
        name = quoted(self.names[least]) if self.names else str(least)
        _require(int(sizes[least]), folds, "row", f"{self.file}: the class {name}", "has")
        strata = StratifiedKFold(folds, shuffle=True, random_state=seed)
        parted = strata.split(np.empty(count), self.labels)
        return parted


@dataclass(frozen=True)
class Grouped(Way):
    """Whole groups at random, `fraction` of the groups. groups: int64 (count,)."""

    groups: Integers
    name: str
    file: str = "data"

    def take(
        self, rows: Integers, fraction: float, rng: np.random.Generator, *, part: str, spare: int
    ) -> Integers:
        there = np.unique(self.groups[rows])
        if len(there) <= spare:
            what = f"column {quoted(self.name)} has {plural(len(there), 'group')}"
            raise DataError(f"{self.file}: {what}, but {spare + 1} parts need one each (`split`)")
        chosen = rng.permutation(there)[: _wanted(fraction, len(there), spare)]
        return rows[np.isin(self.groups[rows], chosen)]

    def folds(self, count: int, folds: int, seed: int) -> Iterable[Parted]:
        from sklearn.model_selection import GroupKFold

        groups = len(np.unique(self.groups))
        _require(groups, folds, "group", f"{self.file}: column {quoted(self.name)}", "has")
        whole = GroupKFold(folds, shuffle=True, random_state=seed)
        parted: Iterable[Parted] = whole.split(np.empty(count), groups=self.groups)
        return parted


@dataclass(frozen=True)
class Ordered(Way):
    """The last ones. times: float64 (count,); rows of one time stay in their order."""

    times: Floats
    file: str = "data"

    def take(
        self, rows: Integers, fraction: float, rng: np.random.Generator, *, part: str, spare: int
    ) -> Integers:
        if len(rows) <= spare:
            raise DataError(f"{self.file}: {plural(len(rows), 'row')} for {spare + 1} parts")
        order = np.argsort(self.times[rows], kind="stable")
        return np.sort(rows[order[-_wanted(fraction, len(rows), spare) :]])

    def folds(self, count: int, folds: int, seed: int) -> Iterable[Parted]:
        """Each tests rows that are later than all that train: the first rows never do."""
        from sklearn.model_selection import TimeSeriesSplit

        if count <= folds:
            what = f"{plural(count, 'row')}, but {folds} folds in order of time need {folds + 1}"
            raise DataError(f"{self.file}: {what} (`folds`)")
        order = np.argsort(self.times, kind="stable")
        parted = TimeSeriesSplit(folds).split(order)
        return ((order[before], order[tested]) for before, tested in parted)


def _require(count: int, folds: int, what: str, who: str, verb: str) -> None:
    """Raises DataError where there are fewer than folds."""
    if count < folds:
        message = f"{who} {verb} {plural(count, what)}, but {folds} folds need one each"
        raise DataError(f"{message} (`folds`)")


def _wanted(fraction: float, count: int, spare: int) -> int:
    return min(max(round(fraction * count), 1), count - spare)


def parts_of(
    count: int,
    way: Way,
    rng: np.random.Generator,
    *,
    val: float | None,
    test: float | None,
    fold: tuple[int, int] | None = None,
) -> dict[str, Integers]:
    """The rows of each part, by its name, in ascending order: train, and val and test if wanted.

    val, test: the fractions; fold: or which fold the test rows are, from 1, and of how many. They
    are drawn first, so that they are the same whether there is a validation part or not; it gets
    its fraction of what they leave. Raises DataError where a part would be empty.
    """
    rows = np.arange(count)
    wanted = [(name, part) for name, part in (("test", test), ("val", val)) if part is not None]
    found = {}
    if fold is not None:
        number, folds = fold
        every = way.folds(count, folds, int(rng.integers(2**32)))
        rows, found["test"] = map(np.sort, next(itertools.islice(every, number - 1, None)))
    for index, (name, fraction) in enumerate(wanted):
        found[name] = way.take(rows, fraction, rng, part=name, spare=len(wanted) - index)
        rows = np.setdiff1d(rows, found[name], assume_unique=True)
    return {"train": rows, **{name: found[name] for name in ("val", "test") if name in found}}


# By a column of a table ----------------------------------------------------------------------


def way_of(
    split: SplitSpec | None,
    labels: Integers | None,
    cells: Cells | None,
    file: str,
    notation: Notation = PLAIN,
    names: tuple[str, ...] = (),
) -> Way:
    """The way that a config describes; without one, classes in proportion, else at random.

    labels: the classes (count,), None for a regression, and their names; cells: the column of the
    split (count,). Raises DataError for a column that can't be split by.
    """
    if split is None:
        return Shuffled(labels, file, names)
    if split.type == "random":
        return Shuffled(file=file)
    if split.type == "stratified":
        if cells is not None:
            return Shuffled(_codes(cells), file, _words(cells))
        if labels is None:
            what = "a number can't be stratified by: name a `column` of words"
            raise DataError(f"{file}: {what} (`split`)")
        return Shuffled(labels, file, names)
    assert cells is not None
    if split.type == "group":
        return Grouped(_codes(cells), str(cells.name), file)
    return Ordered(_times(cells, split.format, file, notation), file)


def _codes(cells: Cells) -> Integers:
    """A number for each word, whatever the order of the rows."""
    index = {name: i for i, name in enumerate(_words(cells))}
    return places(cells, lambda cell: index[label(cell)])


def _words(cells: Cells) -> tuple[str, ...]:
    return tuple(sorted({label(cell) for cell in cells.unique()}))


def _times(cells: Cells, form: str | None, file: str, notation: Notation) -> Floats:
    """Numbers as they are, dates in seconds. Raises DataError for anything else."""
    if form is None and not (mostly_text(cells, notation) and mostly_text(cells)):
        values, faults = numbers(cells, notation)
    else:
        values, faults = DateColumn(str(cells.name), format=form).read(cells, notation)
    if faults:
        raise DataError(*(f"{fault_error(file, cells, one)} (`split`)" for one in faults))
    return values
