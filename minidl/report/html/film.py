"""What a run answered over the plane from epoch to epoch, as letters."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.errors import RunError
from minidl.report.html.plane import LETTERS
from minidl.report.members.collect import Member
from minidl.report.tables.escape import line
from minidl.store import files
from minidl.store.frames import LEVELS, SIDE, frames

CELLS = SIDE * SIDE  # letters of a frame
FEWEST = 8  # frames worth a slider
_ENDS = ("left", "right", "bottom", "top")


def film_of(member: Member, most: int) -> dict[str, Any] | None:
    """At most so many frames, each of CELLS letters; None where nothing was recorded.

    Of two classes, and of a regression, a letter is a level; of more classes it is a class.
    """
    record, rows = member.record, member.folder.boundary
    plane = record.plane
    if not files.is_file(rows.path) or {*_ENDS, "low", "high"} - plane.keys():
        return None
    try:
        epochs, cells = frames(rows.read(record.boundary))
    except (RunError, ValueError):
        return None
    if not epochs:
        return None
    classes = len(record.class_names)
    if classes > 2:
        if cells.max() >= min(classes, len(LETTERS)):
            return None
    else:
        cells = np.rint(cells / LEVELS * (len(LETTERS) - 1)).astype(int)
    kept = np.unique(np.linspace(0, len(epochs) - 1, most).round().astype(int))
    return {
        "epoch": [epochs[at] for at in kept.tolist()],
        "frames": ["".join(LETTERS[one] for one in cells[at].ravel()) for at in kept.tolist()],
        "ends": [plane[end] for end in _ENDS],
        "reach": [plane["low"], plane["high"]],
        "names": list(map(line, record.class_names)),
        "axes": list(map(line, record.feature_names)),
    }
