"""A Spec → YAML that loads back to the same Spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from minidl.spec.component import Part
from minidl.spec.loader import resolve
from minidl.spec.paths import seen_from
from minidl.spec.spec import Spec

# libyaml writes several times faster than PyYAML's own emitter.
_BASE: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_BASE):  # type: ignore[misc]
    """Quotes the texts that loader.py reads as numbers, though YAML 1.1 doesn't: `1e3`."""

    def text(self, text: str) -> Any:
        style = None if isinstance(resolve(text), str) else "'"
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper.text)


def dump(spec: Spec, folder: Path | None = None) -> str:
    """The config in full: every option with its value, no short forms.

    Paths are those that a file in `folder` would give, absolute without one (see `seen_from`).
    """
    return to_yaml(plain_values(spec, folder))


def to_yaml(value: Any) -> str:
    """Plain values as YAML that a person can read."""
    text: str = yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=None,
        allow_unicode=True,
        width=100,
    )
    return text


def one_line(value: Any) -> str:
    """A plain value as YAML on one line: `0.1`, `[tanh, relu]`."""
    # In a list, for YAML ends a bare scalar with `...`.
    text: str = yaml.dump(
        [value], Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=10**9
    )
    text = text.strip()[1:-1]
    return json.dumps(value) if "\n" in text else text  # which is YAML


def plain_values(value: Any, folder: Path | None = None) -> Any:
    """Dicts, lists and scalars, with paths as `dump` has them."""
    if isinstance(value, Part):
        return {name: plain_values(getattr(value, name), folder) for name in value.option_names()}
    if isinstance(value, dict):
        return {name: plain_values(item, folder) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(item, folder) for item in value]
    return seen_from(value, folder) if isinstance(value, Path) else value
