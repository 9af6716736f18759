"""minidl validate: checks a config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def validate(
    config: Annotated[Path, typer.Argument(help="The config to check.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Changes, such as optimizer.lr=0.01."),
    ] = None,
    data: Annotated[
        bool, typer.Option("--data", help="Also read the data and build the network.")
    ] = False,
) -> None:
    """Check a config: every problem at once, each with its place."""
    from minidl.spec import load_spec  # here, so that --help needn't wait for it

    spec = load_spec(config, overrides or ())
    if data:
        from minidl.execute import prepare

        prepare(spec)
    print(f"{config}: ok")
