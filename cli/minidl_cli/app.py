"""All commands of `minidl`, registered."""

from __future__ import annotations

from typing import Annotated

import typer

from minidl_cli.animate import animate
from minidl_cli.at import at
from minidl_cli.bench import bench
from minidl_cli.check import check
from minidl_cli.compare import compare
from minidl_cli.components import components
from minidl_cli.doctor import doctor
from minidl_cli.explain import explain
from minidl_cli.export import export
from minidl_cli.export_log import export_log
from minidl_cli.group import Group
from minidl_cli.list import list_runs
from minidl_cli.lr import lr
from minidl_cli.new import new
from minidl_cli.notes import note, tag
from minidl_cli.play import play
from minidl_cli.predict import predict
from minidl_cli.prune import prune
from minidl_cli.remove import rm
from minidl_cli.report import report
from minidl_cli.resume import resume
from minidl_cli.schema import schema
from minidl_cli.show import show_config
from minidl_cli.sweep import sweep
from minidl_cli.train import train
from minidl_cli.validate import validate
from minidl_cli.watch import watch
from minidl_cli.why import why

app = typer.Typer(
    name="minidl",
    cls=Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help wraps well in narrow terminals, its boxes don't
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from minidl import __version__

        print(f"minidl {__version__}")
        raise typer.Exit


@app.callback()
def minidl(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Train small neural networks from a YAML file, on backpropagation you can read and prove.

    \b
    Start with:
      minidl new first.yaml
      minidl train first.yaml
    """


app.command("train")(train)
app.command("resume")(resume)
app.command("sweep")(sweep)
app.command("lr")(lr)
app.command("predict")(predict)
app.command("export")(export)
app.command("export-log")(export_log)
app.command("validate")(validate)
app.command("show")(show_config)
app.command("check")(check)
app.command("bench")(bench)
app.command("explain")(explain)
app.command("at")(at)
app.command("why")(why)
app.command("animate")(animate)
app.command("play")(play)
app.command("watch")(watch)
app.command("new")(new)
app.command("components")(components)
app.command("schema")(schema)
app.command("report")(report)
app.command("compare")(compare)
app.command("list")(list_runs)
app.command("tag")(tag)
app.command("note")(note)
app.command("rm")(rm)
app.command("prune")(prune)
app.command("doctor")(doctor)
