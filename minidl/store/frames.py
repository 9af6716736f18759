"""The columns of boundary.csv: what a network answers in each cell of a plane, a row per epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

SIDE = 32  # cells each way
LEVELS = 99  # of a share: a row has two digits for each cell
NAMES = [f"x{x}y{y}" for y in range(SIDE) for x in range(SIDE)]  # row by row from below


def frame(epoch: int, cells: Sequence[int]) -> dict[str, int]:
    """A row: the answers of an epoch, in the order of NAMES."""
    return {"epoch": epoch, **dict(zip(NAMES, cells, strict=True))}


def frames(columns: Mapping[str, Sequence[float]]) -> tuple[list[int], np.ndarray[Any, Any]]:
    """The epochs, and their cells (epochs, SIDE, SIDE), from 0 to LEVELS.

    Raises ValueError where the columns are none of a boundary.csv.
    """
    import numpy as np

    if [*columns] != ["epoch", *NAMES]:
        raise ValueError("its columns are others than those of a plane")
    table = np.array([*columns.values()], dtype=float).reshape(1 + len(NAMES), -1)
    most = np.array([[2**31], *[[LEVELS]] * len(NAMES)])
    if not ((table >= 0) & (table <= most)).all():  # NaN, too
        raise ValueError("it holds a cell that is no answer")
    cells = table.astype(int)
    return cells[0].tolist(), cells[1:].T.reshape(-1, SIDE, SIDE)
