"""A sweep begins, or goes on: members are built, the folder is locked, what is left is planned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from minidl.spec import Sweep
from minidl.store.leases import revoke_all
from minidl.store.locks import locked
from minidl.sweep.folder import SweepFolder
from minidl.sweep.plan import SweepPlan
from minidl.sweep.search import checked, plans


@contextmanager
def begun(
    sweep: Sweep,
    runs_dir: Path,
    name: str | None = None,
    *,
    command: Sequence[str] = (),
    stack: int | None = None,
    jobs: int | None = None,
    force: bool = False,
) -> Iterator[Iterator[SweepPlan]]:
    """What the sweep's folder, new or there already, lacks; nobody else works on it meanwhile.

    A plan, of a search several (see `search.plans`).

    Raises ConfigError and DataError where a member can't train, and RunError.
    """
    works = checked(sweep)  # builds each kind: what can't train is said here
    with locked(SweepFolder.place(runs_dir, sweep, name)):
        folder = SweepFolder.create(runs_dir, sweep, name, works.files)
        revoke_all(folder.path)
        how: dict[str, Any] = {"command": command, "stack": stack, "jobs": jobs, "force": force}
        yield plans(sweep, folder, works, **how)
