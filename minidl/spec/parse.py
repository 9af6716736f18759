"""A config → a Spec, or every problem in it."""

from __future__ import annotations

from collections import abc
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from minidl.errors import ConfigError, Problem
from minidl.spec.base import document
from minidl.spec.expand import expand
from minidl.spec.given import Overrides, given_overrides, given_text
from minidl.spec.nodes import Mapping, Place, Scalar, plain
from minidl.spec.overrides import apply
from minidl.spec.problems import in_order, problems_of
from minidl.spec.shape import Shape
from minidl.spec.spec import MAX_NAME_BYTES, Spec
from minidl.spec.study import read_report
from minidl.store.names import clean_name


def load_spec(
    config: str | PathLike[str] | abc.Mapping[str, Any], overrides: Overrides = ()
) -> Spec:
    """Reads a config: a file, or a dict that holds what a file would.

    `overrides` are changes such as "optimizer.lr=0.01", or {"optimizer.lr": 0.01}. Relative paths
    in the file start in its folder, those in overrides and in a dict in the current one. Raises
    ConfigError with every problem found; a `sweep:` block is one.

    >>> from minidl import load_spec
    >>> spec = load_spec({"data": "disk", "model": {"mlp": [25]}}, ["optimizer.lr=0.3"])
    >>> spec.model.hidden, spec.optimizer.lr
    ((25,), 0.3)
    """
    text, path = given_text(config)
    return parse_spec(text, str(path), given_overrides(overrides), path.parent)


def parse_spec(
    text: str,
    file: str = "config",
    overrides: Sequence[str] = (),
    folder: Path | None = None,
) -> Spec:
    """Reads a config from a text, which messages call `file`; its paths start in `folder`."""
    problems: list[Problem] = []
    root = overridden(text, Place(file, folder=folder or Path()), overrides, problems)
    _take_out_other_blocks(root, problems)
    return validated(root, Path(file), problems)


def overridden(
    text: str, start: Place, overrides: Sequence[str], problems: list[Problem]
) -> Mapping:
    """The nodes of a config in full form, with its bases and changes from the command line."""
    shape = Shape(Spec)
    root = document(text, start, shape, problems)
    for override in outermost_first(overrides):
        apply(root, override, shape, problems)
        root = full_form(root, shape)
    return root


def outermost_first(overrides: Sequence[str]) -> list[str]:
    """Whole components before the keys in them: `optimizer.lr=1 optimizer=adam` means both."""
    return sorted(overrides, key=lambda override: override.partition("=")[0].count("."))


def full_form(root: Mapping, shape: Shape) -> Mapping:
    """Nodes that were changed, with every short form written out."""
    node = expand(root, shape)
    assert isinstance(node, Mapping)
    return node


def validated(root: Mapping, file: Path, problems: list[Problem]) -> Spec:
    """The Spec of nodes in full form. Raises ConfigError with what was found before and here."""
    if "name" not in root.items:
        name = clean_name(file.stem, MAX_NAME_BYTES)
        root.items["name"] = Scalar(name, name, root.place)
    try:
        spec = Spec.model_validate(plain(root)).settled()
    except ValidationError as error:
        problems.extend(problems_of(error, root, Spec))
    if problems:
        raise ConfigError(in_order(problems))
    spec._source = root
    return spec


def _take_out_other_blocks(root: Mapping, problems: list[Problem]) -> None:
    """`report` doesn't concern a run, but must be right; `sweep` makes it a sweep."""
    read_report(root.items.pop("report", None), problems)
    if root.items.pop("sweep", None) is not None:
        message = "describes many runs, but this command does one; use `minidl sweep CONFIG`"
        problems.append(root.keys["sweep"].problem(message, "sweep"))
