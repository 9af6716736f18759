"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

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


class TableFormat(StrEnum):
    """How `check` and `bench` write their tables."""

    table = "table"
    csv = "csv"
    md = "md"
    latex = "latex"
    json = "json"
