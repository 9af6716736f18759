"""minidl watch: the report's page, live."""

from __future__ import annotations

import typer

from minidl.errors import RunError
from minidl.store.system import stat_of
from minidl_cli.options import Debug, Folders, in_runs, runs_folder
from minidl_cli.output import say, show
from minidl_cli.serving import Host, NoBrowser, Port, needing


def watch(
    paths: Folders = None,
    host: Host = "127.0.0.1",
    port: Port = 0,
    no_browser: NoBrowser = False,
    debug: Debug = False,
) -> None:
    """Open a page that follows runs and sweeps while they train.

    It is the page of `minidl report --format html`: tables, curves, parallel coordinates, and each
    run's config, log and layers. What changes in the folders is there a second later; runs that
    have ended are shown as well. Nothing is written. Only this machine reaches the page, whose
    address goes to stdout.

    \b
    Examples:
      minidl watch
      minidl watch runs/spirals
    """
    chosen = list(map(in_runs, paths or [runs_folder()]))
    if missing := [path for path in chosen if stat_of(path) is None]:
        raise RunError(f"{missing[0]}: no such folder")
    with needing("watch"):
        from minidl.watch.app import make_app
        from minidl.watch.feed import Feed
        from minidl.web.server import Where, serve
    from minidl.report.html.bundle import plotly

    script = plotly()
    if script is None:
        raise RunError("minidl watch needs plotly: pip install 'minidl[html]'")
    feed = Feed(chosen[0].resolve().name if len(chosen) == 1 else "Runs", chosen)
    where = Where(host, port, not no_browser, show, say)
    code = serve(lambda token: make_app(feed, script, token, host), where, MAX_MESSAGE)
    raise typer.Exit(code)


MAX_MESSAGE = 2**10  # bytes; a page has nothing to ask for
