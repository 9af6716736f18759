"""A Spec → YAML that loads back to the same Spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from minidl.spec.component import Part
from minidl.spec.spec import Spec

# libyaml writes several times faster than PyYAML's own emitter.
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def dump(spec: Spec) -> str:
    """The config in full: every option with its value, no short forms, absolute paths."""
    return to_yaml(_plain(spec))


def to_yaml(value: Any) -> str:
    """Plain values as YAML that a person can read."""
    text: str = yaml.dump(
        value,
        Dumper=_DUMPER,
        sort_keys=False,
        default_flow_style=None,
        allow_unicode=True,
        width=100,
    )
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        return {name: _plain(getattr(value, name)) for name in value.option_names()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
