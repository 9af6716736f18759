"""The target column: class labels, or the numbers of a regression."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from minidl.data.cells import (
    PLAIN,
    Fault,
    Notation,
    mostly_text,
    number,
    number_advice,
    numbers,
    parse_numbers,
    places,
    raise_faults,
    too_many_kinds,
)
from minidl.data.dataset import Integers, Task
from minidl.data.messages import listed, quoted
from minidl.errors import DataError

if TYPE_CHECKING:
    from minidl.data.cells import Cells

MOST_INTEGER_CLASSES = 20
FEW_ROWS = 10  # so few may well be of as many classes


@dataclass(frozen=True)
class Target:
    """What the target column means; `class_names` is empty for a regression."""

    task: Task
    class_names: tuple[str, ...] = ()
    notation: Notation = PLAIN

    @classmethod
    def learn(
        cls, cells: Cells, task: Task | Literal["auto"], file: str, notation: Notation = PLAIN
    ) -> Target:
        """Decides the task and finds the classes.

        auto: texts are classes, and so are at most 20 different whole numbers of which some repeat;
            other numbers are a regression.
        Classes are named as they stand in the file, digits, zeros and signs included (`1` and `1.0`
        are two), and sorted, as numbers where all are numbers.
        Raises DataError for a single class, for too many, and for texts among numbers.
        """
        if task == "auto":
            task = _guess_task(cells, file, notation)
        if task == "regression":
            raise_faults(file, cells, numbers(cells, notation)[1])
            return cls(task, notation=notation)
        names = _class_names(cells, notation)
        if len(names) == 1:
            raise DataError(
                f"{file}: target {quoted(cells.name)}: each row is of class {quoted(names[0])};"
                " at least two classes are needed"
            )
        own = len(names) == len(cells) >= FEW_ROWS  # each row its own
        if own or too_many_kinds(len(names), len(cells)):
            raise DataError(
                f"{file}: target {quoted(cells.name)} holds {len(names)} different classes in"
                f" {len(cells)} rows, such as {quoted(names[0])}: too many to learn; numbers need"
                f" `task: regression`{number_advice(names[0])}"
            )
        return cls(task, names, notation)

    def faults(self, cells: Cells) -> tuple[NDArray[Any], list[Fault]]:
        """`encode`, with what can't be encoded beside it."""
        if self.task == "regression":
            values, faults = numbers(cells, self.notation)
            return values[:, None], faults
        index = {name: i for i, name in enumerate(self.class_names)}
        found = places(cells, lambda cell: index.get(label(cell), -1))
        unknown = found < 0
        known = listed(self.class_names)
        what = f"; the training file has {known}"
        fault = Fault(unknown, lambda text: f"unknown class {quoted(text)}{what}")
        return found, [fault] if unknown.any() else []

    def encode(self, cells: Cells, file: str) -> NDArray[Any]:
        """Cells (N,) to class indices, int64 (N,), or to float64 (N, 1) for a regression.

        Raises DataError for a class that wasn't there when the target was learned.
        """
        encoded, faults = self.faults(cells)
        raise_faults(file, cells, faults)
        return encoded

    def labels(self, cells: Cells, file: str) -> Integers | None:
        """The class indices, by which a split can keep the classes' shares; None if none."""
        return self.encode(cells, file) if self.task == "classification" else None


def _guess_task(cells: Cells, file: str, notation: Notation) -> Task:
    if mostly_text(cells, notation) and mostly_text(cells):
        return "classification"
    values, is_text = parse_numbers(cells, notation)
    if is_text.any():

        def what(text: str) -> str:
            hint = "" if notation.decimal == "," else " (class labels? set `task: classification`)"
            return f"expected {notation.noun}, but got {quoted(text)}{hint}"

        raise_faults(file, cells, [Fault(is_text, what)])
    raise_faults(file, cells, numbers(cells, notation)[1])
    distinct = cells.nunique()
    is_integer = bool((values == np.floor(values)).all())
    are_few = distinct <= MOST_INTEGER_CLASSES and distinct < len(values)
    return "classification" if is_integer and are_few else "regression"


def _class_names(cells: Cells, notation: Notation) -> tuple[str, ...]:
    names = {label(cell) for cell in cells.unique()}
    values = {name: number(notation.plain(name)) for name in names}
    if any(map(math.isnan, values.values())):
        return tuple(sorted(names))
    return tuple(sorted(names, key=lambda name: (values[name], len(name), name)))


def label(cell: object) -> str:
    """A label as it stands; an array's 1.0 is the class 1, since numbers have no spelling."""
    if isinstance(cell, float | np.floating) and cell.is_integer():
        return str(int(cell))
    return str(cell)
