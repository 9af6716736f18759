"""A Spec → YAML that loads back to the same Spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from minidl.spec.component import Part
from minidl.spec.spec import Spec


def dump(spec: Spec) -> str:
    """The config in full: every option with its value, no short forms, absolute paths."""
    text: str = yaml.safe_dump(
        _plain(spec), sort_keys=False, default_flow_style=None, allow_unicode=True, width=100
    )
    return text


def option_names(part: type[Part]) -> list[str]:
    """A part's options in the order in which people read them."""
    first, last = ["type"], ["warmup", "seed", "name"] if "type" in part.model_fields else []
    names = list(part.model_fields)
    middle = [name for name in names if name not in (*first, *last)]
    return [
        *(name for name in first if name in names),
        *middle,
        *(name for name in last if name in names),
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        return {name: _plain(getattr(value, name)) for name in option_names(type(value))}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
