"""The runs in a folder as a table."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidl.report.members.collect import Broken, Member
from minidl.report.members.settings import matches
from minidl.report.tables.table import whole_where
from minidl.store.find import find_runs
from minidl.store.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd


def runs(
    folder: str | PathLike[str] = "runs", where: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """A row for each run in a folder, those of sweeps included, newest first.

    Columns: name, sweep, status; every setting by its key (`optimizer.lr`); the final metrics
    (`test_loss`, …; NaN while it runs); epochs, parameters, seconds, started, path, and problem,
    which says why a run can't be read (status "broken"). where: only runs with these settings, as
    {"optimizer.lr": 0.1}, where the end of a key will do ("lr"). Raises RunError for what isn't a
    folder, and for a key that no run has.

    >>> import minidl
    >>> config = {"data": "disk", "model": {"mlp": [8]}, "training": {"epochs": 2}}
    >>> run = minidl.train(config, name="only")
    >>> minidl.runs()[["name", "status", "optimizer"]].values.tolist()
    [['only', 'done', 'sgd']]
    """
    import pandas as pd

    found: list[Member | Broken] = find_runs([Path(folder)], Member.read, Broken.of)
    members = [one for one in found if isinstance(one, Member)]
    broken = [one for one in found if isinstance(one, Broken)]
    if where:
        keys = whole_where(members, where)
        members, broken = [one for one in members if matches(one.settings, keys)], []
    rows = [*map(_row, members), *map(_broken, broken)]
    first, last = ["name", "sweep", "status"], ["epochs", "parameters", "seconds"]
    last += ["started", "path", "problem"]
    middle = dict.fromkeys(key for row in rows for key in row if key not in (*first, *last))
    return pd.DataFrame(rows, columns=[*first, *middle, *last])


def _row(member: Member) -> dict[str, Any]:
    record, path = member.record, member.folder.path
    ended = {} if member.status == "running" else dict(record.final)
    return {
        **member.settings,
        "name": member.name,
        "sweep": member.folder.sweep_name,
        "status": member.status,
        **ended,
        "epochs": record.epochs,
        "parameters": record.parameters,
        "seconds": record.seconds,
        "started": record.started,
        "path": str(path),
    }


def _broken(broken: Broken) -> dict[str, Any]:
    return {
        "name": broken.path.name,
        "sweep": RunFolder(broken.path).sweep_name,
        "status": "broken",
        "path": str(broken.path),
        "problem": broken.problem,
    }
