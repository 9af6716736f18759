"""minidl rm: runs into the trash."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from minidl.errors import RunError
from minidl.plural import plural
from minidl.store.system import stat_of
from minidl_cli.listed import Row
from minidl_cli.options import RUNS, Debug, Format, TextFormat, in_runs, runs_option
from minidl_cli.output import say, show_json

_AGE = re.compile(r"(\d{1,5})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}
_MOST_NAMED = 10


def rm(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", help="Runs or sweeps.", show_default=False),
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Those that failed; of all if none is named.")
    ] = False,
    older: Annotated[
        str | None,
        typer.Option(
            metavar="AGE",
            help="Those that began longer ago: 12h, 30d, 8w; of all if none is named.",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    empty_trash: Annotated[
        bool, typer.Option("--empty-trash", help="Delete for good what was removed before.")
    ] = False,
    runs_dir: Annotated[Path, runs_option("The folder of runs.")] = RUNS,
    format: TextFormat = None,
    debug: Debug = False,
) -> None:
    """Remove runs.

    They are moved to .trash in the folder of runs, from where they can be moved back. A run that is
    being worked on stays. Of a sweep that is named, --failed and --older choose among its runs;
    else it counts as one.

    \b
    Examples:
      minidl rm first second
      minidl rm --failed --older 30d
      minidl rm --empty-trash
    """
    if empty_trash:
        deleted = _empty(runs_dir, runs, yes=yes, filtered=failed or older is not None)
        if format is Format.json:
            show_json({"moved": [], "deleted": deleted})
        return
    if not runs and not failed and older is None:
        raise RunError("which runs? Name them, or choose with --failed or --older 30d")
    from minidl.store.trash import check_removable, move_to_trash

    before = None if older is None else datetime.now().astimezone() - _age(older)
    named = [in_runs(Path(name), runs_dir) for name in runs or ()]
    chosen = named
    if failed or before:
        chosen = [Path(row.path) for row in _rows(named, runs_dir) if _fits(row, failed, before)]
    chosen = _each_once(chosen)
    for path in chosen:
        check_removable(path)  # all before the first is moved
    if chosen and not yes:
        _ask(f"move {_listed(chosen)} to the trash?")
    moved = []
    for path in chosen:
        moved.append({"path": path, "to": move_to_trash(path, runs_dir)})
        say(f"moved {path} to {moved[-1]['to']}")
    say("`minidl rm --empty-trash` deletes what is there" if moved else "nothing to remove")
    if format is Format.json:
        show_json({"moved": moved, "deleted": 0})


def _each_once(paths: Sequence[Path]) -> list[Path]:
    """Without runs that go with their sweep."""
    unlike = {path.absolute(): path for path in paths}
    return [path for whole, path in unlike.items() if whole.parent not in unlike]


def _rows(named: Sequence[Path], runs_dir: Path) -> list[Row]:
    """The runs of what is named; if nothing is, all in the folder, each sweep as one."""
    from minidl.store.find import find_runs
    from minidl_cli.listed import broken_row, folded, reader

    read = reader(settings=False)
    if named:
        return find_runs(named, read, broken_row)
    return folded(find_runs([runs_dir], read, broken_row), runs_dir)


def _fits(row: Row, failed: bool, before: datetime | None) -> bool:
    if failed and row.status != "failed":
        return False
    if before is None:
        return True
    try:
        began = datetime.fromisoformat(row.started or "").astimezone()
    except (ValueError, OverflowError):
        found = stat_of(row.path)
        began = datetime.fromtimestamp(found.st_mtime if found else 0).astimezone()
    return began < before


def _age(text: str) -> timedelta:
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise RunError(f"--older: expected an age such as 12h, 30d or 8w, but got {text!r}")
    return timedelta(hours=int(found[1]) * _HOURS[found[2]])


def _empty(runs_dir: Path, runs: list[str] | None, *, yes: bool, filtered: bool) -> int:
    """Returns how many runs that were."""
    if runs or filtered:
        raise RunError("--empty-trash deletes all that is in the trash: name no runs beside it")
    from minidl.store.trash import TRASH, empty_trash

    if not yes:
        _ask(f"delete all in {runs_dir / TRASH} for good?")
    deleted = empty_trash(runs_dir)
    say(f"deleted {plural(deleted, 'run')}")
    return deleted


def _listed(paths: Sequence[Path]) -> str:
    more = len(paths) - _MOST_NAMED
    names = ", ".join(map(str, paths[:_MOST_NAMED]))
    return names + (f" and {more:,} more" if more > 0 else "")


def _ask(question: str) -> None:
    """Ends the command unless somebody says yes."""
    from minidl_cli.output import harmless

    if not sys.stdin.isatty():
        raise RunError(f"{question} Nobody is there to answer: add --yes")
    if not typer.confirm(harmless(question), err=True):
        raise typer.Exit(1)
