"""What went on in the layers of a run, short enough for a heat map."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.errors import RunError
from minidl.report.html.thin import rounded
from minidl.report.members.collect import Member
from minidl.report.tables.escape import line
from minidl.store import files

POINTS = 80  # epochs


def layers_of(member: Member) -> dict[str, Any] | None:
    """Of each quantity in dynamics.csv the epochs of each layer; None where nothing was watched."""
    rows = member.folder.dynamics
    if not files.is_file(rows.path):
        return None
    try:
        read = rows.read(member.record.dynamics)
    except RunError:
        return None
    columns = {name: np.asarray(cells, dtype=float) for name, cells in read.items()}
    epochs = columns.pop("epoch", np.empty(0))
    columns = {name: cells for name, cells in columns.items() if "." in name}
    if not epochs.size or not columns:
        return None
    kept = np.unique(np.linspace(0, epochs.size - 1, POINTS).astype(int))
    found: dict[str, Any] = {}
    for name, cells in columns.items():
        layer, _, quantity = name.rpartition(".")
        found.setdefault(line(quantity), {})[line(layer)] = rounded(cells[kept], 3)
    return {"epoch": rounded(epochs[kept], 9), "of": found}
