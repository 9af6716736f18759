"""The group of all commands: a wrong word gets a guess."""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.core import TyperGroup


class Group(TyperGroup):
    """typer guesses commands and options; this guesses what an option chooses from, too."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = _guessing(error.message)
            raise


def _guessing(message: str) -> str:
    """`'cvs' is not one of 'table', 'csv'; did you mean 'csv'?`"""
    from minidl.spec.problems import did_you_mean

    message = message.removeprefix("Value error, ")  # of pydantic, with which typer reads
    given, _, known = message.partition(" is not one of ")
    guess = did_you_mean(given.strip("'"), re.findall(r"'([^']*)'", known))
    return message.rstrip(".") + guess if guess else message
