"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from minidl.errors import RunError
from minidl.store.system import stat_of

Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Print only the folder, and what goes wrong.",
        envvar="MINIDL_QUIET",
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE",
        help="auto, cpu, cuda or cuda:N.",
        show_default=False,
        envvar="MINIDL_DEVICE",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(min=1, help="Workers; one per core if left out.", envvar="MINIDL_JOBS"),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE", help="Changes, such as optimizer.lr=0.01.", show_default=False
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Threads within a step; one is the rule.",
        show_default=False,
        envvar="MINIDL_THREADS",
    ),
]
Folders = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="FOLDER",
        help="Runs, sweeps, or folders of these; runs if left out.",
        show_default=False,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Where to write; stdout if left out."),
]


RUNS = Path("runs")
_RUNS_DIR = "MINIDL_RUNS_DIR"


def runs_option(help: str) -> Any:
    """--runs-dir, whose default is RUNS."""
    return typer.Option("--runs-dir", metavar="DIR", help=help, envvar=_RUNS_DIR)


def runs_folder() -> Path:
    """Where runs lie if a command isn't told: for commands that have no --runs-dir."""
    return Path(os.environ.get(_RUNS_DIR) or RUNS)


def in_runs(path: Path, runs_dir: Path | None = None) -> Path:
    """The path, or what has that name in the folder of runs where nothing is under the path."""
    inside = (runs_dir or runs_folder()) / path
    return inside if stat_of(path) is None and stat_of(inside) is not None else path


def with_device(overrides: Iterable[str] | None, device: str | None) -> list[str]:
    """The overrides with that of --device, over which one among them goes."""
    return [*([f"device={device}"] if device else ()), *(overrides or ())]


class Format(StrEnum):
    """How a table is written; a command may know but some."""

    table = "table"
    csv = "csv"
    md = "md"
    latex = "latex"
    json = "json"
    html = "html"


class PlotFormat(StrEnum):
    """How a figure is written."""

    png = "png"
    svg = "svg"
    pdf = "pdf"


TABLE_FORMATS = (Format.table, Format.csv, Format.md, Format.latex, Format.json)  # of any table
TEXT_FORMATS = (Format.table, Format.json)  # of what is lines of text else
_ENDINGS = {
    ".txt": Format.table,
    ".csv": Format.csv,
    ".md": Format.md,
    ".tex": Format.latex,
    ".json": Format.json,
    ".html": Format.html,
}


def format_option(
    *known: Format, help: str = "How it is written; as --output ends, else as a table."
) -> Any:
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
        help=help,
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


# Of a command that prints lines of text, or the same as a JSON document.
TextFormat = Annotated[Format | None, format_option(*TEXT_FORMATS, help="Print it as JSON.")]
