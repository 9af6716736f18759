"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from minidl.errors import RunError
from minidl.store.files import stat_of

Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print only the folder, and what goes wrong.")
]
Device = Annotated[
    str | None,
    typer.Option(metavar="DEVICE", help="auto, cpu, cuda or cuda:N.", show_default=False),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE", help="Changes, such as optimizer.lr=0.01.", show_default=False
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Threads within a step; one is the rule.", show_default=False),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Where to write; stdout if left out."),
]


RUNS = Path("runs")


def in_runs(path: Path) -> Path:
    """The path, or what has that name in the folder of runs where nothing is under the path."""
    inside = RUNS / path
    return inside if stat_of(path) is None and stat_of(inside) is not None else path


class Format(StrEnum):
    """How a table is written; a command may know but some."""

    table = "table"
    csv = "csv"
    md = "md"
    latex = "latex"
    json = "json"
    html = "html"


TABLE_FORMATS = (Format.table, Format.csv, Format.md, Format.latex, Format.json)  # of any table
_ENDINGS = {
    ".txt": Format.table,
    ".csv": Format.csv,
    ".md": Format.md,
    ".tex": Format.latex,
    ".json": Format.json,
    ".html": Format.html,
}


def format_option(*known: Format) -> Any:
    """--format of a command that knows these."""
    names = [format.value for format in known]

    def read(text: str) -> Format:
        if text not in names:
            listed = ", ".join(map(repr, names))
            raise typer.BadParameter(f"{text!r} is not one of {listed}.")
        return Format(text)

    return typer.Option(
        "--format",
        parser=read,
        metavar="|".join(names),
        help="How it is written; as --output ends, else as a table.",
        show_default=False,
        autocompletion=lambda: names,
    )


def format_for(given: Format | None, output: Path | None, known: Iterable[Format]) -> Format:
    """The format that was asked for, or the one that the file's name ends with."""
    if given is not None:
        return given
    if output is None or not output.suffix:
        return Format.table
    found = _ENDINGS.get(output.suffix.lower())
    if found is None or found not in known:
        endings = ", ".join(ending for ending, format in _ENDINGS.items() if format in known)
        raise RunError(f"{output}: ends with none of {endings}: say with --format how to write it")
    return found
