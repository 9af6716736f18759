"""minidl tag, minidl note: what people say of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from minidl.errors import RunError
from minidl_cli.options import Debug, Format, TextFormat, in_runs
from minidl_cli.output import show, show_json

_MOST = 60  # characters of a tag
MOST_OF_A_NOTE = 10_000


def tag(
    words: Annotated[
        list[str],
        typer.Argument(metavar="RUN… NAME", help="Runs or sweeps, and last the tag."),
    ],
    remove: Annotated[bool, typer.Option("--remove", help="Take the tag away.")] = False,
    format: TextFormat = None,
    debug: Debug = False,
) -> None:
    """Give runs a tag.

    A sweep's runs each get it. `minidl list` shows tags; --where tag=NAME chooses by them.

    \b
    Examples:
      minidl tag first second paper
      minidl list --where tag=paper
    """
    from dataclasses import replace

    from minidl.store.notes import read_notes, write_notes

    *names, name = words
    if not names:
        raise RunError(f"expected runs and a tag, such as `minidl tag RUN {name}`")
    if not name.strip() or len(name) > _MOST or "," in name or not name.isprintable():
        raise RunError(f"a tag is a text of up to {_MOST} characters without commas, not {name!r}")
    runs = [run for one in names for run in _runs(one)]
    for run in runs:
        notes = read_notes(run)
        others = tuple(one for one in notes.tags if one != name)
        wanted = others if remove else notes.tags if name in notes.tags else (*others, name)
        if wanted != notes.tags:
            write_notes(run, replace(notes, tags=wanted))
    if format is Format.json:
        _show_json(runs)


def note(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run, or a sweep for its runs.")],
    text: Annotated[
        str | None,
        typer.Argument(metavar="TEXT", help='Instead of what there is; "" takes it away.'),
    ] = None,
    format: TextFormat = None,
    debug: Debug = False,
) -> None:
    """Note something about a run, or show what is noted.

    \b
    Example:
      minidl note first "the one in the talk"
    """
    from dataclasses import replace

    from minidl.store.notes import read_notes, write_notes

    runs = _runs(run)
    if text is not None and len(text) > MOST_OF_A_NOTE:
        raise RunError(f"a note has up to {MOST_OF_A_NOTE:,} characters, not {len(text):,}")
    for one in runs:
        notes = read_notes(one)
        if text is not None:
            write_notes(one, replace(notes, note=text))
        elif notes.note and format is not Format.json:
            show(notes.note if len(runs) == 1 else f"{one}: {notes.note}")
    if format is Format.json:
        _show_json(runs)


def _show_json(runs: list[Path]) -> None:
    from minidl.store.notes import read_notes

    show_json([{"path": run, **vars(read_notes(run))} for run in runs])


def _runs(name: str) -> list[Path]:
    """The run, or those of a sweep. Raises RunError where it is neither."""
    from minidl.store import files
    from minidl.store.run_folder import RunFolder, is_run, is_sweep

    path = in_runs(Path(name))
    if is_sweep(path):
        return [path / one for one in files.folders_in(path) if is_run(path / one)]
    return [RunFolder.open(path).path]
