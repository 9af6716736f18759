"""What commands that serve a page have in common: where, and what to install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from minidl.errors import RunError

Host = Annotated[
    str,
    typer.Option(metavar="HOST", help="The address to listen at: another lets other machines in."),
]
Port = Annotated[
    int, typer.Option(min=0, max=65535, metavar="PORT", help="The port; 0: any free one.")
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Only print the page's address.")]

_PACKAGES = ("starlette", "uvicorn", "websockets")


@contextmanager
def needing(command: str) -> Iterator[None]:
    """Says which extra to install where a package is missing that the import inside needs."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        message = f"minidl {command} needs {error.name}: pip install 'minidl[play]'"
        raise RunError(message) from error
