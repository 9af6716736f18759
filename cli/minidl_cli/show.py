"""minidl show: a config as it is resolved."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from minidl_cli.options import Debug, Overrides
from minidl_cli.output import show, show_json

if TYPE_CHECKING:
    from minidl.spec.nodes import Key

_COMMENT_FROM = 40  # the column at which comments start, where a line is shorter


class Language(StrEnum):
    """How a config is written."""

    yaml = "yaml"
    json = "json"


def show_config(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The config to show.")],
    overrides: Overrides = None,
    format: Annotated[
        Language, typer.Option("--format", help="In JSON: its values, and the source of each.")
    ] = Language.yaml,
    plain: Annotated[bool, typer.Option("--plain", help="Leave the sources out.")] = False,
    debug: Debug = False,
) -> None:
    """Show a config in full, and where each value is from.

    With its bases, the changes and the defaults; short forms are written out. What is printed is a
    config again. Of a sweep, its runs' defaults are left out.

    \b
    Examples:
      minidl show configs/iris.yaml optimizer.lr=0.03
      minidl show deeper.yaml --plain > whole.yaml
    """
    from minidl.spec.nodes import format_key  # here, so that --help needn't wait for it
    from minidl.spec.resolved import resolve

    resolved = resolve(config, overrides or ())
    sources = {leaf.key: leaf.source for leaf in resolved.leaves()}
    if format is Language.json:
        named = {format_key(key): source for key, source in sources.items()}
        shown = resolved.values if plain else {"config": resolved.values, "sources": named}
        show_json(shown)
        return
    lines = [
        (text, "" if plain or key is None else sources[key])
        for text, key in _lines(resolved.values, (), "")
    ]
    if sys.stdout.isatty():
        _print_in_colour(lines)
    else:
        show("\n".join(text + _comment(text, source) for text, source in lines))


def _lines(value: Any, key: Key, indent: str) -> Iterator[tuple[str, Key | None]]:
    """The lines of a mapping or a list as YAML, each with the key of the value in it."""
    from minidl.spec.dump import one_line
    from minidl.spec.resolved import is_leaf

    for part, inner in value.items() if isinstance(value, dict) else enumerate(value):
        head = "-" if isinstance(part, int) else f"{one_line(part)}:"
        place = (*key, part)
        if is_leaf(inner):
            yield f"{indent}{head} {one_line(inner)}", place
        elif isinstance(part, int):  # its first key stands beside the dash
            (first, leaf), *others = _lines(inner, place, f"{indent}  ")
            yield f"{indent}- {first.lstrip()}", leaf
            yield from others
        else:
            yield f"{indent}{head}", None
            yield from _lines(inner, place, f"{indent}  ")


def _comment(text: str, source: str) -> str:
    room = " " * max(2, _COMMENT_FROM - len(text))
    return f"{room}# {' '.join(source.split())}" if source else ""


def _print_in_colour(lines: list[tuple[str, str]]) -> None:
    from rich.console import Console
    from rich.text import Text

    from minidl_cli.output import harmless

    console = Console()
    for text, source in lines:
        head, colon, rest = harmless(text).partition(": ")
        styled = Text.assemble((head, "cyan"), colon, rest)
        styled.append(
            harmless(_comment(text, source)), "dim" if source != "command line" else "yellow"
        )
        console.print(styled, soft_wrap=True)
