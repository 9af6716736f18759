"""minidl doctor: what there is on this machine, and what to do about what is missing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from minidl_cli.options import Debug, Format, TextFormat, runs_folder
from minidl_cli.output import harmless, show, show_json

if TYPE_CHECKING:
    from minidl_cli.findings import Finding

_COLOURS = {"ok": "green", "note": "yellow", "problem": "red"}


def doctor(
    format: TextFormat = None,
    debug: Debug = False,
) -> None:
    """Check this machine: versions, compiler, threads, GPU, folders, extras.

    What is missing is said with what to do. The exit code is 0 unless minidl can't work like this.
    """
    from minidl_cli.findings import findings  # here, so that --help needn't wait for torch

    found = list(findings(runs_folder()))
    if format is Format.json:
        show_json([vars(one) for one in found])
    elif sys.stdout.isatty():
        _print_in_colour(found)
    else:
        for one in found:
            show("".join(text for text, _ in _pieces(one)))
    if any(one.status == "problem" for one in found):
        raise typer.Exit(1)


def _pieces(one: Finding) -> list[tuple[str, str]]:
    """A line, and one below it for what to do, in pieces with their styles."""
    pieces = [
        (f"{one.status:<8}", _COLOURS[one.status]),
        (f"{one.name:<17}", "bold"),
        (one.found, ""),
    ]
    return [*pieces, (f"\n{'':25}→ {one.advice}", "cyan")] if one.advice else pieces


def _print_in_colour(found: list[Finding]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for one in found:
        console.print(Text.assemble(*((harmless(text), style) for text, style in _pieces(one))))
