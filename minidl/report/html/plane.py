"""What a run's kept weights decide over the plane of its two inputs, as letters."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.errors import RunError
from minidl.report.members.collect import Member
from minidl.report.members.decision import class_of
from minidl.report.members.shapes import check_shapes
from minidl.report.tables.escape import line
from minidl.store import files

SIDE = 64  # cells each way, at most
LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


def plane_of(member: Member) -> dict[str, Any] | None:
    """The class of each cell, row by row from below; None where there is no plane of classes.

    So there isn't for more classes than letters, and where the file is damaged.
    """
    folder, record = member.folder, member.record
    if record.task != "classification" or not files.is_file(folder.predictions_path):
        return None
    try:
        found = folder.read_predictions()
        check_shapes(found, classes=True)
    except (RunError, ValueError):
        return None
    grid = found.get("grid_output")
    if grid is None or grid.ndim != 3 or not np.isfinite(grid).all():
        return None
    across, up = (_places(found[name]) for name in ("grid_x", "grid_y"))
    classes = class_of(grid[np.ix_(up, across)], record.decision or {"kind": "argmax"})
    if classes.max() >= len(LETTERS):
        return None
    ends = [float(found[name][at]) for name in ("grid_x", "grid_y") for at in (0, -1)]
    return {
        "cells": ["".join(LETTERS[one] for one in row) for row in classes.tolist()],
        "ends": ends,
        "names": list(map(line, record.class_names)),
        "axes": list(map(line, record.feature_names)),
    }


def _places(axis: np.ndarray) -> np.ndarray:
    """Which of a grid's places are kept, with both ends."""
    return np.linspace(0, len(axis) - 1, min(len(axis), SIDE)).round().astype(int)
