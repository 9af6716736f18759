"""The one group of runs that a user means."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from minidl.errors import RunError
from minidl.plural import plural
from minidl.report.members.collect import Member
from minidl.report.members.groups import Group, group_by
from minidl.report.members.settings import heads, show, varying
from minidl.report.tables.query import conditions
from minidl.report.tables.table import select


def one_group(members: Sequence[Member], where: Sequence[str], folder: Path) -> Group:
    """The runs that differ by seed and fold alone; `where` has conditions such as lr=0.1.

    Raises RunError where several groups are left, or none of the runs in `folder` has finished.
    """
    given = conditions(where)
    groups = group_by(select(members, given), None)
    if len(groups) > 1:
        keys = varying([group.settings for group in groups])
        first = groups[0].settings
        chosen = " ".join(
            f"--where {shlex.quote(f'{head}={show(first[key])}')}"
            for key, head in zip(keys, heads(keys), strict=True)
            if key in first
        )
        what = f"holds {plural(len(groups), 'group')} of runs: choose one, such as {chosen}"
        raise RunError(f"{folder}: {what}")
    if not groups or not groups[0].finished:
        look = f"`minidl list {shlex.quote(str(folder))}` says how its runs stand"
        raise RunError(f"{folder}: holds no run that has finished: {look}")
    return groups[0]
