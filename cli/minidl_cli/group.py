"""The group of all commands: a wrong word gets a guess."""

from __future__ import annotations

import contextlib
import itertools
import re
import shlex
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from minidl_cli.complete import attach


class Group(TyperGroup):
    """typer guesses commands and options; this guesses more.

    What an option chooses from; the override that `--epochs 5` stands for: `training.epochs=5`.
    And a shell completes more: see complete.py.
    """

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        for parameter in command.params if command else ():
            attach(parameter)
        return command

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            # Another typer may have other words and attributes: then its message stays as it is.
            with contextlib.suppress(AttributeError, TypeError):
                if isinstance(error, typer.BadParameter):
                    error.message = _guessing(error.message)
                elif type(error).__name__ == "NoSuchOption":  # typer doesn't export it
                    _suggest_override(error)
            raise


def _guessing(message: str) -> str:
    """`'cvs' is not one of 'table', 'csv'; did you mean 'csv'?`"""
    from minidl.spec.problems import did_you_mean

    message = message.removeprefix("Value error, ")  # of pydantic, with which typer reads
    given, _, known = message.partition(" is not one of ")
    guess = did_you_mean(given.strip("'"), re.findall(r"'([^']*)'", known))
    return message.rstrip(".") + guess if guess else message


def _suggest_override(error: Any) -> None:
    """Of a key of the config that is written as an option, where keys may be changed."""
    if not any(parameter.name == "overrides" for parameter in error.ctx.command.params):
        return
    from minidl.spec.keys import whole_key

    option = error.option_name
    key = whole_key(option.lstrip("-").replace("-", "_"))
    if key is not None:
        override = shlex.quote(f"{key}={_value_after(option)}")
        error.message += f"; it is a key of the config, so write {override}"
        error.possibilities = None


def _value_after(option: str) -> str:
    """What was given to an option: `--epochs 5` or `--epochs=5`."""
    for word, following in itertools.pairwise([*sys.argv, "-"]):
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
        if word == option and not following.startswith("-"):
            return following
    return "VALUE"
