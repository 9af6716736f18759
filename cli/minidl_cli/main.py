"""The `minidl` command: registers the commands and turns errors into one clear message."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Annotated

import typer

from minidl.errors import ConfigError, DataError, MinidlError
from minidl_cli.compare import compare
from minidl_cli.components import components
from minidl_cli.list import list_runs
from minidl_cli.new import new
from minidl_cli.output import harmless
from minidl_cli.predict import predict
from minidl_cli.report import report
from minidl_cli.resume import resume
from minidl_cli.schema import schema
from minidl_cli.sweep import sweep
from minidl_cli.train import train
from minidl_cli.validate import validate

INTERNAL_ERROR = 70  # EX_SOFTWARE: the program's own mistake, not the user's

app = typer.Typer(
    name="minidl",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"minidl {version('minidl')}")
        raise typer.Exit


@app.callback()
def minidl(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Train small neural networks from a YAML file, on backpropagation you can read and prove.

    Start with: minidl new first.yaml && minidl train first.yaml
    """


app.command("train")(train)
app.command("resume")(resume)
app.command("sweep")(sweep)
app.command("predict")(predict)
app.command("validate")(validate)
app.command("new")(new)
app.command("components")(components)
app.command("schema")(schema)
app.command("report")(report)
app.command("compare")(compare)
app.command("list")(list_runs)


def main() -> None:
    """Run the command; every error that is ours becomes a message and an exit code."""
    try:
        app()
        sys.stdout.flush()
    except MinidlError as error:
        _report(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader left; the interpreter would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        with contextlib.suppress(OSError):
            _print_error(f"{error.filename or 'standard output'}: {error.strerror or error}")
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        if _is_out_of_memory(error):
            _print_error("out of memory: choose a smaller network, batch or stack, or less data")
            sys.exit(1)
        _print_error(
            f"unexpected {type(error).__name__}: {error}\n"
            "This is a mistake in minidl; `--debug` after `train` or `predict` shows where."
        )
        sys.exit(INTERNAL_ERROR)


def _is_out_of_memory(error: Exception) -> bool:
    """Whether it is Python's error, torch's of a GPU, or its bare RuntimeError of the CPU."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))


def _report(error: MinidlError) -> None:
    if "--debug" in sys.argv:
        import traceback

        traceback.print_exc()
    if isinstance(error, ConfigError | DataError):
        for problem in error.problems:
            _print_error(str(problem))
    else:
        _print_error(str(error))


def _print_error(text: str) -> None:
    """On stderr, without characters that would move a terminal's cursor."""
    print(f"minidl: {harmless(text)}", file=sys.stderr)


if __name__ == "__main__":
    main()
