"""The target column: class labels, or the numbers of a regression."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from minidl.data.cells import (
    finite_numbers,
    mostly_text,
    number,
    number_advice,
    parse_numbers,
    too_many_kinds,
)
from minidl.data.dataset import Integers, Task
from minidl.data.messages import cell_error, first_text, listed, quoted
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

    @classmethod
    def learn(cls, cells: Cells, task: Task | Literal["auto"], file: str) -> Target:
        """Decides the task and finds the classes.

        auto: texts are classes, and so are at most 20 different integers of which some repeat;
            other numbers are a regression. 1.0 counts as the integer 1.
        Classes are sorted, as numbers where all are numbers, and named as in the file (1.0 as 1).
        Raises DataError for a single class, for too many, and for texts among numbers.
        """
        if task == "auto":
            task = _guess_task(cells, file)
        if task == "regression":
            finite_numbers(cells, file)
            return cls(task)
        names = _class_names(cells)
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
        return cls(task, names)

    def encode(self, cells: Cells, file: str) -> NDArray[Any]:
        """Cells (N,) to class indices, int64 (N,), or to float64 (N, 1) for a regression.

        Raises DataError for a class that wasn't there when the target was learned.
        """
        if self.task == "regression":
            return finite_numbers(cells, file)[:, None]
        index = {name: i for i, name in enumerate(self.class_names)}
        found = [index.get(str(cell), index.get(_as_number(cell), -1)) for cell in cells]
        indices = np.array(found, dtype=np.int64)
        unknown = indices < 0
        if unknown.any():
            known = listed(self.class_names)
            what = f"unknown class {first_text(cells, unknown)}; the training file has {known}"
            raise cell_error(file, cells, unknown, what)
        return indices

    def labels(self, cells: Cells, file: str) -> Integers | None:
        """The class indices, by which a split can keep the classes' shares; None if none."""
        return self.encode(cells, file) if self.task == "classification" else None


def _guess_task(cells: Cells, file: str) -> Task:
    if mostly_text(cells):
        return "classification"
    values = finite_numbers(cells, file, hint=" (class labels? set `task: classification`)")
    distinct = np.unique(values)
    is_integer = bool((distinct == np.floor(distinct)).all())
    are_few = len(distinct) <= MOST_INTEGER_CLASSES and len(distinct) < len(values)
    return "classification" if is_integer and are_few else "regression"


def _class_names(cells: Cells) -> tuple[str, ...]:
    _, is_text = parse_numbers(cells)
    if is_text.any():
        return tuple(sorted({str(cell) for cell in cells}))
    return tuple(sorted({_as_number(cell) for cell in cells}, key=float))


def _as_number(cell: object) -> str:
    """One spelling for each number: 1, 1.0 and 01 are the class 1. A text stays as it is."""
    value = number(str(cell))
    if not math.isfinite(value):
        return str(cell)
    return str(int(value)) if value.is_integer() else repr(value)
