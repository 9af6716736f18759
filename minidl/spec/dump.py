"""A Spec → YAML that loads back to the same Spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from minidl.spec.component import Part
from minidl.spec.loader import resolve
from minidl.spec.spec import Spec

# libyaml writes several times faster than PyYAML's own emitter.
_BASE: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_BASE):  # type: ignore[misc]
    """Quotes the texts that loader.py reads as numbers, though YAML 1.1 doesn't: `1e3`."""

    def text(self, text: str) -> Any:
        style = None if isinstance(resolve(text), str) else "'"
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper.text)


def dump(spec: Spec) -> str:
    """The config in full: every option with its value, no short forms, absolute paths."""
    return to_yaml(_plain(spec))


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


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        return {name: _plain(getattr(value, name)) for name in value.option_names()}
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
