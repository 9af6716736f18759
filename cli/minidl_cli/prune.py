"""minidl prune: deletes checkpoints that nothing needs any more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from minidl.plural import plural
from minidl.store.run_folder import RunFolder
from minidl.store.run_record import RunRecord
from minidl_cli.options import Debug, Folders, Format, TextFormat, in_runs, runs_folder
from minidl_cli.output import say, show, show_json


def prune(
    paths: Folders = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be deleted.")
    ] = False,
    format: TextFormat = None,
    debug: Debug = False,
) -> None:
    """Delete checkpoints of runs that are done.

    The weights by which a run predicts stay, and so does all that `report` and `resume` need; `at`
    and `explain` then repeat the training from its beginning.

    \b
    Example:
      minidl prune runs/spirals --dry-run
    """
    from minidl.store import files
    from minidl.store.find import find_runs
    from minidl.store.pruning import superfluous
    from minidl.store.system import stat_of

    def read(run: RunFolder, record: RunRecord) -> list[Path]:
        return superfluous(run, record)

    def broken(run: RunFolder, error: Exception) -> list[Path]:
        say(f"left alone: {error}")
        return []

    freed, runs, checkpoints = 0, 0, list[Path]()
    for found in find_runs(map(in_runs, paths or [runs_folder()]), read, broken):
        runs += bool(found)
        for path in found:
            size = stat_of(path)
            freed += size.st_size if size else 0
            checkpoints.append(path)
            if not dry_run:
                files.remove(path)
            elif format is not Format.json:
                show(path)
    verb = "would free" if dry_run else "freed"
    say(f"{verb} {freed / 1e6:.1f} MB in {plural(runs, 'run')}")
    if format is Format.json:
        content = {"dry_run": dry_run, "checkpoints": checkpoints, "bytes": freed, "runs": runs}
        show_json(content)
