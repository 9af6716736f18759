"""minidl play: a page that trains live."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from minidl_cli.explain import spec_of
from minidl_cli.options import Debug, Overrides, in_runs
from minidl_cli.output import say, show
from minidl_cli.serving import Host, NoBrowser, Port, needing

if TYPE_CHECKING:
    from minidl.spec import Spec


def play(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="CONFIG|RUN",
            help="A config, a run's folder, or its name; two spirals if left out.",
            show_default=False,
        ),
    ] = None,
    overrides: Overrides = None,
    host: Host = "127.0.0.1",
    port: Port = 0,
    no_browser: NoBrowser = False,
    debug: Debug = False,
) -> None:
    """Open a page that trains live.

    It shows the decision boundary, the network with the map of each unit, and the curves, of data
    in a plane, and trains step by step, epoch by epoch, and back. Nothing is written. "As YAML"
    there gives the config with which `minidl train` comes to the same weights. Only this machine
    reaches the page, whose address goes to stdout. Of a sweep's config it takes the first run.

    \b
    Examples:
      minidl play
      minidl play configs/relu_mse_sgd.yaml
      minidl play --no-browser --port 8700
    """
    spec = _spec(path, overrides or [])
    with needing("play"):
        from minidl.play.serve import serve
        from minidl.web.server import Where
    code = serve(spec, Where(host, port, not no_browser, show, say))
    raise typer.Exit(code)


def _spec(path: Path | None, overrides: list[str]) -> Spec:
    if path is None:
        from minidl.play.controls import first_spec

        return first_spec()
    spec, notes = spec_of(in_runs(path), overrides)
    for note in notes:
        say(note)
    return spec
