"""A config as Python code gives it: a file's path, a dict, or a spec; and changes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from minidl.errors import ConfigError, Problem
from minidl.spec.loader import read_text

Overrides = Sequence[str] | Mapping[str, Any]

IN_PYTHON = Path("dict")  # where the file's name would stand in a message


def given_text(config: str | PathLike[str] | Mapping[str, Any]) -> tuple[str, Path]:
    """A config's text, and the file that it stands in: relative paths start in its folder.

    Raises ConfigError for what can't be read or written as a text.
    """
    if not isinstance(config, Mapping):
        path = Path(config)
        return read_text(path), path
    return _text(config, ""), IN_PYTHON


def given_overrides(overrides: Overrides) -> list[str]:
    """Texts such as `optimizer.lr=0.01`, also of a mapping {"optimizer.lr": 0.01}."""
    if isinstance(overrides, str):
        return [overrides]
    if not isinstance(overrides, Mapping):
        return list(overrides)
    return [f"{key}={_text(value, key)}" for key, value in overrides.items()]


def _text(value: Any, key: str) -> str:
    """JSON, which is YAML."""
    try:
        return json.dumps(value, default=_plain, ensure_ascii=False, indent=None if key else 1)
    except (TypeError, ValueError) as error:
        raise ConfigError([Problem(str(error), key, str(IN_PYTHON))]) from error


def _plain(value: Any) -> Any:
    """Paths are texts, and NumPy's numbers and arrays have what JSON knows in them."""
    if isinstance(value, PathLike):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a config can't hold a {type(value).__name__}")
